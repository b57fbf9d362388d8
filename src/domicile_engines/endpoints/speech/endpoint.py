"""`POST /v1/audio/speech`: speaks one text, and sends each sentence as soon as it is synthesized."""

from collections.abc import Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

from starlette.routing import Route

from domicile.kernel.fair_turns import Tenant
from domicile.openai_api.audio_speech import SpeechRequest, check_speech_request
from domicile.web.bodies.body_limits import body_limit
from domicile_engines.endpoints.http import HttpReply, ModelEndpoint, json_reader
from domicile_engines.endpoints.speech.capability import check_capability
from domicile_engines.endpoints.speech.reply import send_events, send_sound
from domicile_engines.models.entry import model_entry
from domicile_engines.models.kokoro.speaking import load, spoken_by
from domicile_engines.models.kokoro.voices import KOKORO_VOICES, MODEL_ID
from domicile_engines.runtime.resident import Resident

_PATH = "/v1/audio/speech"

read_speech = json_reader(SpeechRequest, check_speech_request, check_capability, limit_bytes=body_limit(_PATH))


class SpeechService:
    """The speech model and its endpoint."""

    def __init__(self, *, idle_s: float, threads: int) -> None:
        """`idle_s`: seconds without a request before the model is unloaded. `threads`: CPU threads of the model."""
        self._kokoro = Resident(MODEL_ID, partial(load, threads), idle_s=idle_s)

    def routes(self) -> Sequence[Route]:
        """The route of `POST /v1/audio/speech`."""
        return [Route(_PATH, ModelEndpoint(read_speech, self._answer), methods=["POST"])]

    def describe(self) -> Sequence[dict[str, Any]]:
        """The entry of the speech model, with its voices."""
        return [model_entry(MODEL_ID, "hexgrad", "speech", "stream", voices=list(KOKORO_VOICES))]

    async def close(self) -> None:
        """Stop running syntheses and unload the model."""
        await self._kokoro.close()

    async def _answer(self, request: SpeechRequest, project: Tenant, reply: HttpReply) -> None:
        async with aclosing(self._kokoro.stream(spoken_by(request), project)) as sounds:
            if request.as_events:
                await send_events(reply, sounds)
            else:
                await send_sound(reply, sounds, request.media_type)
