"""/v1/batches (contract C24): create, get, list and cancel."""

from typing import Annotated

from msgspec import Meta
from starlette.requests import Request

from domicile.data_plane.http.answer import Answer, json_answer
from domicile.data_plane.inference.request_context import RequestContext
from domicile.data_plane.jobs.service import BatchService
from domicile.data_plane.policy.caller import Caller
from domicile.openai_api.batches import CreateBatchRequest
from domicile.openai_api.closed import Closed
from domicile.web.bodies.body_limits import body_limit
from domicile.web.bodies.json_body import converted
from domicile.web.bodies.reading import read_json
from domicile.web.idempotency_key import read_idempotency_key

BODY_LIMIT_BYTES = body_limit("/v1/batches")


class _ListQuery(Closed, frozen=True):
    after: Annotated[str, Meta(max_length=64)] | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


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
        query = converted(dict(request.query_params), _ListQuery, from_text=True)
        return json_answer(await self._service.list(caller, after=query.after, limit=query.limit))

    async def cancel(self, request: Request, caller: Caller, _context: RequestContext) -> Answer:
        """Answer with the batch, of which no further line begins."""
        return json_answer(await self._service.cancel(caller, request.path_params["batch_id"]))
