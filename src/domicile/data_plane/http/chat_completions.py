"""POST /v1/chat/completions (contract C20)."""

from starlette.requests import Request

from domicile.data_plane.http.answer import AnyAnswer
from domicile.data_plane.http.answering import read_request, streamed_answer, whole_answer
from domicile.data_plane.inference.chat import ChatAdapter
from domicile.data_plane.inference.lifecycle import Inference
from domicile.data_plane.inference.request_context import RequestContext
from domicile.data_plane.policy.caller import Caller
from domicile.openai_api.chat import ChatCompletionRequest
from domicile.web.bodies.body_limits import body_limit

BODY_LIMIT_BYTES = body_limit("/v1/chat/completions")


class ChatCompletions:
    """The handler of this path."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference
        self._adapter = ChatAdapter()

    async def create(self, request: Request, caller: Caller, context: RequestContext) -> AnyAnswer:
        """Answer with one completion or a stream of chunks."""
        body = await read_request(
            request, self._inference, self._adapter, ChatCompletionRequest, limit_bytes=BODY_LIMIT_BYTES
        )
        answer = streamed_answer if body.request.streams else whole_answer
        return await answer(request, self._inference, self._adapter, caller, body, context)
