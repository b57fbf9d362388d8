"""From a request that has been read to its answer: what all endpoints that run a model have in common."""

from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response

from domicile.data_plane.http.piecewise import PiecewiseResponse, while_connected
from domicile.data_plane.inference.exchange import Exchange, StreamedExchange
from domicile.data_plane.inference.interruption import Interruption
from domicile.data_plane.inference.story import Answer, AnswerStream, Inference
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
    exchange: Exchange[ModelRequestT],
    type_: type[ModelRequestT],
    *,
    limit_bytes: int,
    max_values: int = MAX_VALUES,
) -> ModelRequestT:
    """The body as the endpoint's closed type. What is dropped of it is named in the answer's header `domicile-ignored`."""
    droppable = inference.droppable(exchange.endpoint)
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
    request: Request, inference: Inference, exchange: Exchange[ModelRequestT], body: ModelRequestT
) -> Response:
    """One reply, under the headers of `answer_headers`."""
    caller, request_id = request.scope["caller"], request.scope["request_id"]
    interruption = Interruption()
    working = inference.answer(exchange, caller, body, request_id, interruption)
    answer = await while_connected(request, working, interruption)
    return Response(answer.body, headers=answer_headers(request, answer), media_type=answer.media_type)


async def streamed_answer(
    request: Request, inference: Inference, exchange: StreamedExchange[ModelRequestT], body: ModelRequestT
) -> Response:
    """A reply in pieces, under the same headers."""
    caller, request_id = request.scope["caller"], request.scope["request_id"]
    interruption = Interruption()
    opening = inference.stream(exchange, caller, body, request_id, interruption)
    opened = await while_connected(request, opening, interruption)
    return PiecewiseResponse(opened.pieces, answer_headers(request, opened), opened.media_type, interruption)
