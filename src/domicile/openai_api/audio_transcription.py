"""POST /v1/audio/transcriptions and /v1/audio/translations: the forms, closed (OpenAI's specification 2.3.0).

`CreateTranscriptionRequest`, `CreateTranslationRequest`. The answers are in `audio_transcript`.
"""

import math
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from domicile.kernel import errors
from domicile.openai_api.closed import ModelRequest

MAX_FILE_BYTES = 25 * 1024 * 1024
LISTS = frozenset(
    {
        "include",
        "keywords",
        "known_speaker_names",
        "known_speaker_references",
        "languages",
        "timestamp_granularities",
    }
)
"""Fields that may be sent more than once."""

Format = Literal["json", "text", "srt", "verbose_json", "vtt", "diarized_json"]
TranslationFormat = Literal["json", "text", "srt", "verbose_json", "vtt"]
PLAIN_FORMATS = frozenset({"text", "srt", "vtt"})
"""Those whose answer is no JSON."""
_STREAMED_FORMATS = frozenset({"json", "text"})
# ISO 639-1, and the few codes of three letters that speech models use.
Language = Annotated[str, Meta(pattern=r"^[a-z]{2,3}\Z")]
Temperature = Annotated[float, Meta(ge=0, le=1)]


class TranscriptionRequest(ModelRequest, frozen=True, kw_only=True):
    """All that a caller may say of a recording that is to be written down."""

    file: bytes
    language: Language | None = None
    languages: Annotated[list[Language], Meta(min_length=1)] | None = None
    keywords: list[str] | None = None
    prompt: str | None = None
    response_format: Format | None = None
    temperature: Temperature | None = None
    include: list[Literal["logprobs"]] | None = None
    timestamp_granularities: list[Literal["word", "segment"]] | None = None
    stream: bool | None = None
    chunking_strategy: str | None = None
    known_speaker_names: Annotated[list[str], Meta(max_length=4)] | None = None
    known_speaker_references: Annotated[list[str], Meta(max_length=4)] | None = None

    @property
    def streams(self) -> bool:
        """Whether the answer is asked for as a stream of events."""
        return self.stream is True

    @property
    def answer_format(self) -> str:
        """In which form the answer is asked for."""
        return self.response_format or "json"


class TranslationRequest(ModelRequest, frozen=True, kw_only=True):
    """All that a caller may say of a recording that is to be written down in English."""

    file: bytes
    prompt: str | None = None
    response_format: TranslationFormat | None = None
    temperature: Temperature | None = None

    @property
    def answer_format(self) -> str:
        """In which form the answer is asked for."""
        return self.response_format or "json"


def check_transcription_request(request: TranscriptionRequest | TranslationRequest) -> None:
    """The rules that types cannot say. Raises `DomicileError` 400 with the field at fault."""
    if not request.file:
        raise errors.invalid_file("file", "It is empty.")
    if request.temperature is not None and not math.isfinite(request.temperature):
        raise errors.invalid_value("'temperature' must be a number between 0 and 1.", "temperature")
    if isinstance(request, TranslationRequest):
        return
    # Segments are the default, so that they ask for nothing.
    if "word" in (request.timestamp_granularities or ()) and request.answer_format != "verbose_json":
        raise errors.invalid_value(
            "'timestamp_granularities[]' needs 'response_format' to be verbose_json.", "timestamp_granularities"
        )
    if request.streams and request.answer_format not in _STREAMED_FORMATS:
        raise errors.invalid_value("'stream' needs 'response_format' to be json or text.", "stream")


def fields_for_engine(request: TranscriptionRequest | TranslationRequest, *, model: str) -> list[tuple[str, str]]:
    """The form's fields for an engine, the file apart: what was read, with the engine's own name for the model."""
    fields: list[tuple[str, str]] = []
    for name, value in msgspec.structs.asdict(request).items():
        if value is None or name == "file":
            continue
        if name == "model":
            fields.append((name, model))
        elif isinstance(value, list):
            fields += [(f"{name}[]", each) for each in value]
        elif isinstance(value, bool):
            fields.append((name, "true" if value else "false"))
        else:
            fields.append((name, str(value)))
    return fields
