"""`POST /v1/audio/transcriptions` and `/v1/audio/translations`. The work stops when the client disconnects."""

import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.routing import Route

from domicile.kernel.fair_turns import Tenant
from domicile.openai_api.audio_transcription import (
    LISTS,
    MAX_FILE_BYTES,
    TranscriptionRequest,
    TranslationRequest,
    check_transcription_request,
)
from domicile.web.bodies.body_limits import body_limit
from domicile.web.bodies.form_stream import read_form
from domicile_engines.endpoints.http import HttpReply, ModelEndpoint, Read
from domicile_engines.endpoints.transcriptions import reply as shapes
from domicile_engines.endpoints.transcriptions.capability import MODEL_ID, check_capability
from domicile_engines.endpoints.transcriptions.reply import RecordingRequest
from domicile_engines.models.entry import model_entry
from domicile_engines.models.whisper.transcript import SECONDS_MAX, Transcript, TranscriptSegment
from domicile_engines.runtime.resident import Resident

if TYPE_CHECKING:
    from domicile_engines.models.whisper.model import Whisper

# An hour of audio takes up to half a gigabyte of memory until its last segment, and recordings take turns between segments.
_RECORDINGS_AT_ONCE = 2


def form_reader(type_: type[RecordingRequest], path: str) -> Read[RecordingRequest]:
    """Return a reader that decodes a form as the platform does, then checks the API's rules and the model's limits."""

    async def read(request: Request) -> RecordingRequest:
        parsed = await read_form(
            request,
            type_,
            limit_bytes=body_limit(path),
            file="file",
            file_limit_bytes=MAX_FILE_BYTES,
            lists=LISTS if type_ is TranscriptionRequest else frozenset(),
        )
        check_transcription_request(parsed)
        check_capability(parsed)
        return parsed

    return read


class TranscriptionsService:
    """The transcription model and its two endpoints."""

    def __init__(self, *, idle_s: float, threads: int) -> None:
        """`idle_s`: seconds without a request before the model is unloaded. `threads`: CPU threads of the model."""
        self._whisper = Resident(MODEL_ID, lambda: _load(threads), idle_s=idle_s, streams_max=_RECORDINGS_AT_ONCE)

    def routes(self) -> Sequence[Route]:
        """The routes of `POST /v1/audio/transcriptions` and `POST /v1/audio/translations`."""
        return [
            self._route("/v1/audio/transcriptions", TranscriptionRequest),
            self._route("/v1/audio/translations", TranslationRequest),
        ]

    def describe(self) -> Sequence[dict[str, Any]]:
        """The entry of the transcription model, with the maximum length of a recording in seconds."""
        capabilities = ("transcription", "translation", "stream")
        return [model_entry(MODEL_ID, "openai", *capabilities, seconds_max=SECONDS_MAX)]

    async def close(self) -> None:
        """Stop running transcriptions and unload the model."""
        await self._whisper.close()

    def _route(self, path: str, type_: type[RecordingRequest]) -> Route:
        return Route(path, ModelEndpoint(form_reader(type_, path), self._answer), methods=["POST"])

    async def _answer(self, request: RecordingRequest, project: Tenant, reply: HttpReply) -> None:
        async with aclosing(self._whisper.stream(_heard(request), project)) as items:
            if isinstance(request, TranscriptionRequest) and request.streams:
                await _as_events(items, reply)
            else:
                await _as_whole(items, request, reply)


async def _as_whole(
    items: "AsyncIterator[Transcript | TranscriptSegment]", request: RecordingRequest, reply: HttpReply
) -> None:
    segments: list[TranscriptSegment] = []
    transcript = Transcript(0, None, iter(()))
    async for item in items:
        if isinstance(item, Transcript):
            transcript = item
        else:
            segments.append(item)
    await reply.whole(*shapes.whole(request, transcript, segments))


async def _as_events(items: "AsyncIterator[Transcript | TranscriptSegment]", reply: HttpReply) -> None:
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
    # Imported here: its libraries take as much memory as a small model, and many engines never need them.
    from domicile_engines.models.whisper.model import Whisper

    return Whisper(threads)


def _heard(
    request: RecordingRequest,
) -> "Callable[[Whisper, threading.Event], Iterator[Transcript | TranscriptSegment]]":
    def work(whisper: "Whisper", left: threading.Event) -> Iterator[Transcript | TranscriptSegment]:
        transcript = whisper.transcribe(request, left)
        yield transcript
        yield from transcript.segments

    return work
