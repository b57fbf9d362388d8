"""POST /v1/moderations (contract C23)."""

from starlette.requests import Request

from domicile.data_plane.http.answer import Answer
from domicile.data_plane.http.answering import read_request, whole_answer
from domicile.data_plane.inference.lifecycle import Inference
from domicile.data_plane.inference.moderations import ModerationsAdapter
from domicile.data_plane.inference.request_context import RequestContext
from domicile.data_plane.policy.caller import Caller
from domicile.openai_api.moderations import ModerationRequest
from domicile.web.bodies.body_limits import body_limit

BODY_LIMIT_BYTES = body_limit("/v1/moderations")


class Moderations:
    """The handler of this path."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference
        self._adapter = ModerationsAdapter()

    async def create(self, request: Request, caller: Caller, context: RequestContext) -> Answer:
        """Answer with one result for each text, or one for all parts."""
        body = await read_request(
            request, self._inference, self._adapter, ModerationRequest, limit_bytes=BODY_LIMIT_BYTES
        )
        return await whole_answer(request, self._inference, self._adapter, caller, body, context)
