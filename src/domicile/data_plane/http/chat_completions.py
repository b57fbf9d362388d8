"""POST /v1/chat/completions (contract C20)."""

from starlette.requests import Request
from starlette.responses import Response

from domicile.data_plane.http.answering import read_request, streamed_answer, whole_answer
from domicile.data_plane.inference.chat import ChatExchange
from domicile.data_plane.inference.story import Inference
from domicile.openai_api.chat import ChatCompletionRequest
from domicile.web.bodies.body_limits import body_limit

BODY_LIMIT_BYTES = body_limit("/v1/chat/completions")


class ChatCompletions:
    """Reads the request whole, then lets `inference` tell the story."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference
        self._exchange = ChatExchange()

    async def create(self, request: Request) -> Response:
        """One reply, or a stream of chunks."""
        body = await read_request(
            request, self._inference, self._exchange, ChatCompletionRequest, limit_bytes=BODY_LIMIT_BYTES
        )
        answer = streamed_answer if body.streams else whole_answer
        return await answer(request, self._inference, self._exchange, body)
