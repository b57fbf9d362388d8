"""/v1/batches (contract C24): create, get, list and cancel."""

from starlette.requests import Request

from domicile.data_plane.http.answer import Answer, json_answer
from domicile.data_plane.inference.request_context import RequestContext
from domicile.data_plane.jobs.service import BatchService
from domicile.data_plane.policy.caller import Caller
from domicile.openai_api.batches import CreateBatchRequest
from domicile.web.bodies.body_limits import body_limit
from domicile.web.bodies.reading import read_json
from domicile.web.idempotency_key import read_idempotency_key
from domicile.web.query import Query

DEFAULT_LIMIT = 20
BODY_LIMIT_BYTES = body_limit("/v1/batches")


class Batches:
    """The handlers of these paths."""

    def __init__(self, service: BatchService) -> None:
        self._service = service

    async def create(self, request: Request, caller: Caller, _context: RequestContext) -> Answer:
        """Answer with a batch that is being validated. With the same `Idempotency-Key`, with the same batch."""
        key = read_idempotency_key(request)
        body = await read_json(request, CreateBatchRequest, limit_bytes=BODY_LIMIT_BYTES)
        return json_answer(await self._service.create(caller, body, key))

    async def get(self, request: Request, caller: Caller, _context: RequestContext) -> Answer:
        """Answer with the batch as it is now."""
        return json_answer(await self._service.get(caller, request.path_params["batch_id"]))

    async def list(self, request: Request, caller: Caller, _context: RequestContext) -> Answer:
        """Answer with a page of the project's batches, the newest first."""
        query = Query(request, {"after", "limit"})
        limit = query.integer("limit", minimum=1, maximum=100) or DEFAULT_LIMIT
        return json_answer(await self._service.list(caller, after=query.text("after"), limit=limit))

    async def cancel(self, request: Request, caller: Caller, _context: RequestContext) -> Answer:
        """Answer with the batch, of which no further line begins."""
        return json_answer(await self._service.cancel(caller, request.path_params["batch_id"]))
