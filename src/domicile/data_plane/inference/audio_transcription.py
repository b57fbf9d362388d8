"""Transcriptions and translations (contract C22): a recording goes in as a form, and seconds are what is counted."""

from typing import TypeVar

from domicile.boundary.usage import Usage
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.engines.port import EngineRequest
from domicile.data_plane.inference.adapter import EVENT_STREAM, JSON, ReplyNames, ReplyPart, plausible
from domicile.openai_api import audio_transcript
from domicile.openai_api.audio_transcription import (
    PLAIN_FORMATS,
    TranscriptionRequest,
    TranslationRequest,
    check_transcription_request,
    fields_for_engine,
)
from domicile.web.bodies.multipart import write_form

RequestT = TypeVar("RequestT", TranscriptionRequest, TranslationRequest)

PLAIN_TEXT = "text/plain; charset=utf-8"


class TranslationAdapter:
    """See `EndpointAdapter`."""

    endpoint = Endpoint.AUDIO_TRANSLATIONS

    def check(self, request: TranslationRequest) -> None:
        """See `EndpointAdapter`."""
        check_transcription_request(request)

    def media_type(self, request: TranslationRequest) -> str:
        """See `EndpointAdapter`."""
        return _media_type(request.answer_format)

    def encode(self, request: TranslationRequest, *, model: str, cache_salt: str | None) -> EngineRequest:
        """See `EndpointAdapter`."""
        return _form(request, model)

    def request_usage(self, _request: TranslationRequest, sent: EngineRequest) -> Usage:
        """See `EndpointAdapter`. How long the recording is has been found out before (`preparation`)."""
        return Usage()

    def reply(self, raw: bytes, request: TranslationRequest, _names: ReplyNames) -> ReplyPart:
        """See `EndpointAdapter`."""
        if request.answer_format in PLAIN_FORMATS:
            return _plain(raw)
        body = audio_transcript.shown_translation(raw, verbose=request.answer_format == "verbose_json")
        return ReplyPart(body, engine_usage=_engine_usage(raw))


class TranscriptionAdapter:
    """See `StreamingEndpointAdapter`."""

    endpoint = Endpoint.AUDIO_TRANSCRIPTIONS

    def check(self, request: TranscriptionRequest) -> None:
        """See `EndpointAdapter`."""
        check_transcription_request(request)

    def media_type(self, request: TranscriptionRequest) -> str:
        """See `EndpointAdapter`."""
        return EVENT_STREAM if request.streams else _media_type(request.answer_format)

    def encode(self, request: TranscriptionRequest, *, model: str, cache_salt: str | None) -> EngineRequest:
        """See `EndpointAdapter`."""
        return _form(request, model)

    def request_usage(self, _request: TranscriptionRequest, sent: EngineRequest) -> Usage:
        """See `EndpointAdapter`. How long the recording is has been found out before (`preparation`)."""
        return Usage()

    def reply(self, raw: bytes, request: TranscriptionRequest, _names: ReplyNames) -> ReplyPart:
        """See `EndpointAdapter`."""
        if request.answer_format in PLAIN_FORMATS:
            return _plain(raw)
        body = audio_transcript.shown_transcription(raw, verbose=request.answer_format == "verbose_json")
        return ReplyPart(body, engine_usage=_engine_usage(raw))

    def is_raw(self, _request: TranscriptionRequest) -> bool:
        """See `StreamingEndpointAdapter`."""
        return False

    def piece(self, data: bytes, _request: TranscriptionRequest, _names: ReplyNames) -> ReplyPart:
        """See `StreamingEndpointAdapter`."""
        event = audio_transcript.encode_event(audio_transcript.decode_event(data))
        return ReplyPart(b"data: " + event + b"\n\n", engine_usage=_engine_usage(data))

    def end(self, _request: TranscriptionRequest) -> bytes:
        """See `StreamingEndpointAdapter`. The last event says that it is the last."""
        return b""


def _form(request: TranscriptionRequest | TranslationRequest, model: str) -> EngineRequest:
    return EngineRequest(*write_form(fields_for_engine(request, model=model), [("file", request.file)]))


def _media_type(answer_format: str) -> str:
    return PLAIN_TEXT if answer_format in PLAIN_FORMATS else JSON


def _plain(raw: bytes) -> ReplyPart:
    """Text or subtitles. Raises ValueError for what is no text."""
    raw.decode("utf-8")
    return ReplyPart(raw)


def _engine_usage(raw: bytes) -> Usage | None:
    seconds = audio_transcript.seconds_in(raw)
    # Also false for what is no number; and no recording that fits a form is a year long.
    if seconds is None or not 0 <= seconds < 2**25:
        return None
    return plausible(Usage(audio_milliseconds=round(seconds * 1000)))
