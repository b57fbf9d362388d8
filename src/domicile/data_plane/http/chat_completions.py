"""POST /v1/chat/completions (contract C20)."""

from starlette.requests import Request
from starlette.responses import Response

from domicile.data_plane.http.event_stream import EventStream, while_connected
from domicile.data_plane.inference import Inference
from domicile.openai_api.chat import ChatCompletionRequest
from domicile.web.body_limits import body_limit
from domicile.web.requests import read_json

BODY_LIMIT_BYTES = body_limit("/v1/chat/completions")
ENGINE_HEADER = "domicile-engine"


class ChatCompletions:
    """Reads the request whole, then lets `inference` tell the story."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference

    async def create(self, request: Request) -> Response:
        """One reply, or a stream of chunks. The header `domicile-engine` names what really answers."""
        caller, request_id = request.scope["caller"], request.scope["request_id"]
        body = await read_json(request, ChatCompletionRequest, limit_bytes=BODY_LIMIT_BYTES)
        if body.streams:
            opened = await while_connected(request, self._inference.stream_chat(caller, body, request_id))
            return EventStream(opened.events, {ENGINE_HEADER: opened.placement.label})
        answer = await while_connected(request, self._inference.complete_chat(caller, body, request_id))
        headers = {ENGINE_HEADER: answer.placement.label}
        return Response(answer.body, headers=headers, media_type="application/json")
