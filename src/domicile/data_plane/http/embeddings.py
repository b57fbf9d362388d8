"""POST /v1/embeddings (contract C25)."""

from starlette.requests import Request

from domicile.data_plane.http.answer import Answer
from domicile.data_plane.http.answering import read_request, whole_answer
from domicile.data_plane.inference.embeddings import EmbeddingsAdapter
from domicile.data_plane.inference.lifecycle import Inference
from domicile.data_plane.inference.request_context import RequestContext
from domicile.data_plane.policy.caller import Caller
from domicile.openai_api.embeddings import MAX_VALUES, EmbeddingRequest
from domicile.web.bodies.body_limits import body_limit

BODY_LIMIT_BYTES = body_limit("/v1/embeddings")


class Embeddings:
    """The handler of this path."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference
        self._adapter = EmbeddingsAdapter()

    async def create(self, request: Request, caller: Caller, context: RequestContext) -> Answer:
        """Answer with one vector for each input."""
        body = await read_request(
            request,
            self._inference,
            self._adapter,
            EmbeddingRequest,
            limit_bytes=BODY_LIMIT_BYTES,
            max_values=MAX_VALUES,
        )
        return await whole_answer(request, self._inference, self._adapter, caller, body, context)
