"""From a request that has been read to its answer: what all endpoints that run a model have in common."""

from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response

from domicile.data_plane.http.piecewise import PiecewiseResponse, while_connected
from domicile.data_plane.inference.exchange import Exchange, StreamedExchange
from domicile.data_plane.inference.interruption import Interruption
from domicile.data_plane.inference.story import Inference
from domicile.openai_api.closed import ModelRequest

ENGINE_HEADER = "domicile-engine"

ModelRequestT = TypeVar("ModelRequestT", bound=ModelRequest)


async def whole_answer(
    request: Request, inference: Inference, exchange: Exchange[ModelRequestT], body: ModelRequestT
) -> Response:
    """One reply. The header `domicile-engine` names what really answers."""
    caller, request_id = request.scope["caller"], request.scope["request_id"]
    interruption = Interruption()
    working = inference.answer(exchange, caller, body, request_id, interruption)
    answer = await while_connected(request, working, interruption)
    return Response(answer.body, headers={ENGINE_HEADER: answer.engines}, media_type=answer.media_type)


async def streamed_answer(
    request: Request, inference: Inference, exchange: StreamedExchange[ModelRequestT], body: ModelRequestT
) -> Response:
    """A reply in pieces, under the same header."""
    caller, request_id = request.scope["caller"], request.scope["request_id"]
    interruption = Interruption()
    opening = inference.stream(exchange, caller, body, request_id, interruption)
    opened = await while_connected(request, opening, interruption)
    return PiecewiseResponse(opened.pieces, {ENGINE_HEADER: opened.engines}, opened.media_type, interruption)
