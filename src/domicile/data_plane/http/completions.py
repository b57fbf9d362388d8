"""POST /v1/completions (beyond the contract)."""

from starlette.requests import Request
from starlette.responses import Response

from domicile.data_plane.http.answering import read_request, streamed_answer, whole_answer
from domicile.data_plane.inference.completions import CompletionsAdapter
from domicile.data_plane.inference.lifecycle import Inference
from domicile.openai_api.completions import CompletionRequest
from domicile.web.bodies.body_limits import body_limit

BODY_LIMIT_BYTES = body_limit("/v1/completions")


class Completions:
    """Reads the request whole, then lets `inference` run the request lifecycle."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference
        self._adapter = CompletionsAdapter()

    async def create(self, request: Request) -> Response:
        """One reply, or a stream of chunks."""
        body = await read_request(
            request, self._inference, self._adapter, CompletionRequest, limit_bytes=BODY_LIMIT_BYTES
        )
        answer = streamed_answer if body.streams else whole_answer
        return await answer(request, self._inference, self._adapter, body)
