"""Reads a request's body, runs it and builds the answer: shared by all endpoints that run a model."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from starlette.requests import Request

from domicile.data_plane.http.answer import Answer, StreamedAnswer
from domicile.data_plane.http.streaming import while_connected
from domicile.data_plane.inference.adapter import EndpointAdapter, StreamingEndpointAdapter
from domicile.data_plane.inference.lifecycle import Inference, Reply, ReplyStream
from domicile.data_plane.inference.request_context import RequestContext
from domicile.data_plane.policy.caller import Caller
from domicile.openai_api.closed import ModelRequest
from domicile.web.bodies.json_body import MAX_VALUES
from domicile.web.bodies.reading import read_json_by
from domicile.web.bodies.tolerant_json import decode_dropping
from domicile.web.rate_limit_headers import rate_limit_headers

ENGINE_HEADER = "domicile-engine"
IGNORED_HEADER = "domicile-ignored"

ModelRequestT = TypeVar("ModelRequestT", bound=ModelRequest)


@dataclass(frozen=True, slots=True)
class RequestBody(Generic[ModelRequestT]):
    """A decoded body."""

    request: ModelRequestT
    size_bytes: int
    dropped: frozenset[str] = frozenset()
    """Paths of the members that were dropped. The answer's header `domicile-ignored` names them."""


async def read_request(
    request: Request,
    inference: Inference,
    adapter: EndpointAdapter[ModelRequestT],
    type_: type[ModelRequestT],
    *,
    limit_bytes: int,
    max_values: int = MAX_VALUES,
) -> RequestBody[ModelRequestT]:
    """Decode the body as the endpoint's closed type. Raises `DomicileError` 400, 408, 413, 415 and 503."""
    droppable = inference.droppable(adapter.endpoint)

    def decode(body: bytes) -> RequestBody[ModelRequestT]:
        decoded = decode_dropping(body, type_, droppable, max_values=max_values)
        return RequestBody(decoded.value, len(body), decoded.dropped)

    return await read_json_by(request, decode, limit_bytes=limit_bytes)


async def whole_answer(
    request: Request,
    inference: Inference,
    adapter: EndpointAdapter[ModelRequestT],
    caller: Caller,
    body: RequestBody[ModelRequestT],
    context: RequestContext,
) -> Answer:
    """Run the request and answer with the whole reply. Raises `ClientDisconnectedError` when the client leaves before."""
    context = context.of_size(body.size_bytes)
    working = inference.answer(adapter, caller, body.request, context)
    reply = await while_connected(request.receive, working, context.cancellation)
    return Answer(reply.body, reply.media_type, _headers(reply, body.dropped))


async def streamed_answer(
    request: Request,
    inference: Inference,
    adapter: StreamingEndpointAdapter[ModelRequestT],
    caller: Caller,
    body: RequestBody[ModelRequestT],
    context: RequestContext,
) -> StreamedAnswer:
    """Answer with a stream once an engine has begun it. Raises `ClientDisconnectedError` when the client leaves before."""
    context = context.of_size(body.size_bytes)
    opening = inference.stream(adapter, caller, body.request, context)
    reply = await while_connected(request.receive, opening, context.cancellation)
    return StreamedAnswer(reply.pieces, reply.media_type, context.cancellation, _headers(reply, body.dropped))


def _headers(reply: Reply | ReplyStream, dropped: frozenset[str]) -> dict[str, str]:
    """The rate limits, the engines' labels, and the parameters they were not sent. The last two come from closed lists, so the
    headers stay short.
    """
    headers = {} if reply.standing is None else rate_limit_headers(reply.standing)
    headers[ENGINE_HEADER] = reply.engines
    ignored = reply.ignored | dropped
    if ignored:
        headers[IGNORED_HEADER] = ", ".join(sorted(ignored))
    return headers
