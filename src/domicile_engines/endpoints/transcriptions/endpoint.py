"""Whisper as the engine serves it: one recording at a time, beside the event loop, stopped when its client leaves."""

import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from domicile.web.bodies.multipart import OVERHEAD_BYTES_MAX
from domicile_engines.endpoints.http import Endpoint, EngineRequest, Reply
from domicile_engines.endpoints.transcriptions import reply as shapes
from domicile_engines.models.entry import model_entry
from domicile_engines.models.whisper.request import (
    FILE_BYTES_MAX,
    MODEL_ID,
    SECONDS_MAX,
    Task,
    TranscriptionRequest,
)
from domicile_engines.models.whisper.request import (
    decode as decode_request,
)
from domicile_engines.models.whisper.transcript import Segment, Transcript
from domicile_engines.runtime.resident import Resident

if TYPE_CHECKING:
    from domicile_engines.models.whisper.model import Whisper

# An hour of sound is up to half a gigabyte while it is heard, and others have their turn between its segments.
_RECORDINGS_AT_ONCE = 2


class Transcription:
    """The family of models that write down what is said."""

    def __init__(self, *, idle_s: float, threads: int) -> None:
        """`threads`: how many the model computes with."""
        self._whisper = Resident(MODEL_ID, lambda: _load(threads), idle_s=idle_s, streams_max=_RECORDINGS_AT_ONCE)

    def routes(self) -> Sequence[Route]:
        """See `Family`."""
        return [
            self._route("/v1/audio/transcriptions", "transcribe"),
            self._route("/v1/audio/translations", "translate"),
        ]

    def describe(self) -> Sequence[dict[str, Any]]:
        """See `Family`."""
        capabilities = ("transcription", "translation", "stream")
        return [model_entry(MODEL_ID, "openai", *capabilities, seconds_max=SECONDS_MAX)]

    async def close(self) -> None:
        """See `Family`."""
        await self._whisper.close()

    def _route(self, path: str, task: Task) -> Route:
        async def answer(asked: EngineRequest, reply: Reply) -> None:
            request = decode_request(asked.body, asked.content_type, task)
            async with aclosing(self._whisper.stream(_heard(request), asked.tenant)) as items:
                if request.stream:
                    await _as_events(items, reply)
                else:
                    await _as_whole(items, request, reply)

        return Route(path, Endpoint(answer, FILE_BYTES_MAX + OVERHEAD_BYTES_MAX), methods=["POST"])


async def _as_whole(items: "AsyncIterator[Transcript | Segment]", request: TranscriptionRequest, reply: Reply) -> None:
    segments: list[Segment] = []
    transcript = Transcript(0, None, iter(()))
    async for item in items:
        if isinstance(item, Transcript):
            transcript = item
        else:
            segments.append(item)
    await reply.whole(*shapes.whole(request, transcript, segments))


async def _as_events(items: "AsyncIterator[Transcript | Segment]", reply: Reply) -> None:
    text = ""
    transcript = Transcript(0, None, iter(()))
    async for item in items:
        if isinstance(item, Transcript):
            transcript = item
            continue
        piece = item.text if text else item.text.lstrip()
        text += piece
        await reply.event(shapes.delta(piece))
    await reply.event(shapes.done(text.rstrip(), transcript))
    await reply.done()


def _load(threads: int) -> "Whisper":
    # Only now: what it imports weighs as much as a small model, and most engines are never asked for it.
    from domicile_engines.models.whisper.model import Whisper

    return Whisper(threads)


def _heard(request: TranscriptionRequest) -> "Callable[[Whisper, threading.Event], Iterator[Transcript | Segment]]":
    def work(whisper: "Whisper", left: threading.Event) -> Iterator[Transcript | Segment]:
        transcript = whisper.transcribe(request, left)
        yield transcript
        yield from transcript.segments

    return work
