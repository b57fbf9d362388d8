"""Transcriptions and translations (contract C22): a recording in, sent as a form; text out. Usage is counted in seconds."""

from dataclasses import dataclass

from domicile.boundary.usage import Usage
from domicile.catalogue.catalogue import ModelEntry
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.engines.port import EngineRequest
from domicile.data_plane.inference.adapter import EVENT_STREAM, JSON, ReplyNames, ReplyPart, event, plausible
from domicile.data_plane.limits.demand import Demand
from domicile.openai_api import audio_transcript
from domicile.openai_api.audio_transcription import (
    PLAIN_FORMATS,
    TranscriptionRequest,
    TranslationRequest,
    check_transcription_request,
    fields_for_engine,
)
from domicile.web.bodies.multipart import write_form

PLAIN_TEXT = "text/plain; charset=utf-8"
# About a year. No recording that fits into a form is that long.
_MAX_SECONDS = 2**25


class TranslationAdapter:
    """The `EndpointAdapter` of translations."""

    endpoint = Endpoint.AUDIO_TRANSLATIONS

    def check(self, request: TranslationRequest) -> None:
        """Check that the file is not empty and the temperature finite. Raises 400."""
        check_transcription_request(request)

    def media_type(self, request: TranslationRequest) -> str:
        """Text or JSON, as the caller asked."""
        return _media_type(request.answer_format)

    def encode(self, request: TranslationRequest, *, model: str, cache_salt: str | None) -> EngineRequest:
        """Encode as a new multipart form. The salt is dropped: audio uses no prompt cache."""
        return _form(request, model)

    def demand(self, _request: TranslationRequest, _model: ModelEntry, body_bytes: int) -> Demand:
        """The bytes of the recording."""
        return Demand(audio_bytes=body_bytes)

    def request_usage(self, _request: TranslationRequest, sent: EngineRequest) -> Usage:
        """Empty: the preparation `RecordingLength` counts the seconds."""
        return Usage()

    def begin(self, request: TranslationRequest, _names: ReplyNames) -> "_TranslationReader":
        """A reader of one whole translation."""
        return _TranslationReader(request.answer_format)


class TranscriptionAdapter:
    """The `StreamingEndpointAdapter` of transcriptions."""

    endpoint = Endpoint.AUDIO_TRANSCRIPTIONS

    def check(self, request: TranscriptionRequest) -> None:
        """Check the file, the temperature and what the answer's format allows. Raises 400."""
        check_transcription_request(request)

    def media_type(self, request: TranscriptionRequest) -> str:
        """Events for a stream, else text or JSON, as the caller asked."""
        return EVENT_STREAM if request.streams else _media_type(request.answer_format)

    def encode(self, request: TranscriptionRequest, *, model: str, cache_salt: str | None) -> EngineRequest:
        """Encode as a new multipart form. The salt is dropped: audio uses no prompt cache."""
        return _form(request, model)

    def demand(self, _request: TranscriptionRequest, _model: ModelEntry, body_bytes: int) -> Demand:
        """The bytes of the recording."""
        return Demand(audio_bytes=body_bytes)

    def request_usage(self, _request: TranscriptionRequest, sent: EngineRequest) -> Usage:
        """Empty: the preparation `RecordingLength` counts the seconds."""
        return Usage()

    def is_raw(self, _request: TranscriptionRequest) -> bool:
        """False: transcriptions stream events."""
        return False

    def begin(self, request: TranscriptionRequest, _names: ReplyNames) -> "_TranscriptionReader":
        """A reader of one whole transcript or of its events."""
        return _TranscriptionReader(request.answer_format)


@dataclass(frozen=True, slots=True)
class _TranslationReader:
    answer_format: str

    def reply(self, raw: bytes) -> ReplyPart:
        if self.answer_format in PLAIN_FORMATS:
            return _plain(raw)
        body = audio_transcript.shown_translation(raw, verbose=self.answer_format == "verbose_json")
        return ReplyPart(body, engine_usage=_engine_usage(raw))


@dataclass(frozen=True, slots=True)
class _TranscriptionReader:
    answer_format: str

    def reply(self, raw: bytes) -> ReplyPart:
        if self.answer_format in PLAIN_FORMATS:
            return _plain(raw)
        body = audio_transcript.shown_transcription(raw, verbose=self.answer_format == "verbose_json")
        return ReplyPart(body, engine_usage=_engine_usage(raw))

    def piece(self, data: bytes) -> ReplyPart:
        encoded = audio_transcript.encode_event(audio_transcript.decode_event(data))
        return ReplyPart(event(encoded), engine_usage=_engine_usage(data))

    def end(self) -> bytes:
        """Empty: transcript streams have no `[DONE]`."""
        return b""


def _form(request: TranscriptionRequest | TranslationRequest, model: str) -> EngineRequest:
    return EngineRequest(*write_form(fields_for_engine(request, model=model), [("file", request.file)]))


def _media_type(answer_format: str) -> str:
    return PLAIN_TEXT if answer_format in PLAIN_FORMATS else JSON


def _plain(raw: bytes) -> ReplyPart:
    """Text or subtitles, unchanged. Raises ValueError for bytes that are not UTF-8."""
    raw.decode("utf-8")
    return ReplyPart(raw)


def _engine_usage(raw: bytes) -> Usage | None:
    seconds = audio_transcript.seconds_in(raw)
    # The comparison is also false for NaN.
    if seconds is None or not 0 <= seconds < _MAX_SECONDS:
        return None
    return plausible(Usage(audio_milliseconds=round(seconds * 1000)))
