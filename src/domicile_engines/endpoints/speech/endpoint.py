"""Kokoro as the engine serves it: one text at a time, sent sentence by sentence as it is spoken."""

import base64
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.routing import Route

from domicile_engines.endpoints.http import Endpoint, EngineRequest, Reply
from domicile_engines.models.entry import model_entry
from domicile_engines.models.kokoro.request import MODEL_ID, SpeechRequest, decode
from domicile_engines.models.kokoro.voices import KOKORO_VOICES
from domicile_engines.runtime.resident import Resident

if TYPE_CHECKING:
    from domicile_engines.models.kokoro.model import Kokoro


# Readers of events have buffers.
_EVENT_BYTES = 48 * 1024


class Sound(msgspec.Struct, frozen=True):
    """A piece of the answer, encoded, and the count of all until here: sounds read, frames of 25 ms made."""

    data: bytes
    content_type: str
    sounds: int
    frames: int


class Speech:
    """The family of models that speak."""

    def __init__(self, *, idle_s: float, threads: int) -> None:
        """`threads`: how many the model computes with."""
        self._kokoro = Resident(MODEL_ID, lambda: _load(threads), idle_s=idle_s)

    def routes(self) -> Sequence[Route]:
        """See `Family`."""
        return [Route("/v1/audio/speech", Endpoint(self._answer), methods=["POST"])]

    def describe(self) -> Sequence[dict[str, Any]]:
        """See `Family`."""
        return [model_entry(MODEL_ID, "hexgrad", "speech", "stream", voices=list(KOKORO_VOICES))]

    async def close(self) -> None:
        """See `Family`."""
        await self._kokoro.close()

    async def _answer(self, asked: EngineRequest, reply: Reply) -> None:
        request = decode(asked.body)
        async with aclosing(self._kokoro.stream(_said(request), asked.tenant)) as sounds:
            if request.stream_format == "sse":
                await _as_events(sounds, reply)
            else:
                async for sound in sounds:
                    await reply.part(sound.data, sound.content_type)
                await reply.end()


async def _as_events(sounds: AsyncIterator[Sound], reply: Reply) -> None:
    """OpenAI's events. Tokens are the model's own: sounds in, frames out."""
    read = made = 0
    async for sound in sounds:
        read, made = sound.sounds, sound.frames
        for start in range(0, len(sound.data), _EVENT_BYTES):
            piece = base64.b64encode(sound.data[start : start + _EVENT_BYTES]).decode()
            await reply.event(msgspec.json.encode({"type": "speech.audio.delta", "audio": piece}))
    usage = {"input_tokens": read, "output_tokens": made, "total_tokens": read + made}
    await reply.event(msgspec.json.encode({"type": "speech.audio.done", "usage": usage}))
    await reply.done()


def _load(threads: int) -> "Kokoro":
    # Only now: what it imports weighs as much as a small model, and most engines are never asked for it.
    from domicile_engines.models.kokoro.model import Kokoro

    return Kokoro(threads)


def _said(request: SpeechRequest) -> "Callable[[Kokoro, threading.Event], Iterator[Sound]]":
    def work(kokoro: "Kokoro", left: threading.Event) -> Iterator[Sound]:
        from domicile_engines.models.kokoro.encoding import CONTENT_TYPES, encoder
        from domicile_engines.models.kokoro.model import SAMPLES_PER_FRAME

        encoding = encoder(request.response_format)
        content_type = CONTENT_TYPES[request.response_format]
        sounds = samples = 0
        for utterance in kokoro.say(request, left):
            sounds += utterance.sounds
            samples += len(utterance.samples)
            data = encoding.encode(utterance.samples)
            if data:
                yield Sound(data, content_type, sounds, samples // SAMPLES_PER_FRAME)
        yield Sound(encoding.finish(), content_type, sounds, samples // SAMPLES_PER_FRAME)

    return work
