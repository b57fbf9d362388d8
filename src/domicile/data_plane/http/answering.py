"""From a request that has been read to its answer: what all endpoints that run a model have in common."""

from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response

from domicile.data_plane.http.streaming import StreamedResponse, while_connected
from domicile.data_plane.inference.adapter import EndpointAdapter, StreamingEndpointAdapter
from domicile.data_plane.inference.cancellation import Cancellation
from domicile.data_plane.inference.lifecycle import Answer, AnswerStream, Inference
from domicile.openai_api.closed import ModelRequest
from domicile.web.bodies.json_body import MAX_VALUES
from domicile.web.bodies.reading import read_json_by
from domicile.web.bodies.tolerant_json import decode_dropping

ENGINE_HEADER = "domicile-engine"
IGNORED_HEADER = "domicile-ignored"
_DROPPED = "dropped_members"

ModelRequestT = TypeVar("ModelRequestT", bound=ModelRequest)


async def read_request(
    request: Request,
    inference: Inference,
    adapter: EndpointAdapter[ModelRequestT],
    type_: type[ModelRequestT],
    *,
    limit_bytes: int,
    max_values: int = MAX_VALUES,
) -> ModelRequestT:
    """The body as the endpoint's closed type. What is dropped of it is named in the answer's header `domicile-ignored`."""
    droppable = inference.droppable(adapter.endpoint)
    decoded = await read_json_by(
        request,
        lambda body: decode_dropping(body, type_, droppable, max_values=max_values),
        limit_bytes=limit_bytes,
    )
    request.scope[_DROPPED] = decoded.dropped
    return decoded.value


def answer_headers(request: Request, answer: Answer | AnswerStream) -> dict[str, str]:
    """What really answers, and the paths of what it was not told. Both are names of closed lists, so both are short."""
    headers = {ENGINE_HEADER: answer.engines}
    ignored = answer.ignored | request.scope.get(_DROPPED, frozenset())
    if ignored:
        headers[IGNORED_HEADER] = ", ".join(sorted(ignored))
    return headers


async def whole_answer(
    request: Request, inference: Inference, adapter: EndpointAdapter[ModelRequestT], body: ModelRequestT
) -> Response:
    """One reply, under the headers of `answer_headers`."""
    caller, request_id = request.scope["caller"], request.scope["request_id"]
    cancellation = Cancellation()
    working = inference.answer(adapter, caller, body, request_id, cancellation)
    answer = await while_connected(request, working, cancellation)
    return Response(answer.body, headers=answer_headers(request, answer), media_type=answer.media_type)


async def streamed_answer(
    request: Request, inference: Inference, adapter: StreamingEndpointAdapter[ModelRequestT], body: ModelRequestT
) -> Response:
    """A reply in pieces, under the same headers."""
    caller, request_id = request.scope["caller"], request.scope["request_id"]
    cancellation = Cancellation()
    opening = inference.stream(adapter, caller, body, request_id, cancellation)
    opened = await while_connected(request, opening, cancellation)
    return StreamedResponse(opened.pieces, answer_headers(request, opened), opened.media_type, cancellation)
