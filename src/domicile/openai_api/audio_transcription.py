"""POST /v1/audio/transcriptions and /v1/audio/translations: the form requests, closed.

`CreateTranscriptionRequest` and `CreateTranslationRequest` in OpenAI's specification 2.3.0. Replies: `audio_transcript`.
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
"""The formats that are not JSON."""
_STREAMED_FORMATS = frozenset({"json", "text"})
# ISO 639-1, and the few three-letter codes that speech models use.
Language = Annotated[str, Meta(pattern=r"^[a-z]{2,3}\Z")]
Temperature = Annotated[float, Meta(ge=0, le=1)]


class TranscriptionRequest(ModelRequest, frozen=True, kw_only=True):
    """A transcription request, with every field that the API allows."""

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
        """Whether the caller wants a stream of events."""
        return self.stream is True

    @property
    def answer_format(self) -> str:
        """The requested format, or its default."""
        return self.response_format or "json"


class TranslationRequest(ModelRequest, frozen=True, kw_only=True):
    """A request for an English transcript, with every field that the API allows."""

    file: bytes
    prompt: str | None = None
    response_format: TranslationFormat | None = None
    temperature: Temperature | None = None

    @property
    def answer_format(self) -> str:
        """The requested format, or its default."""
        return self.response_format or "json"


def check_transcription_request(request: TranscriptionRequest | TranslationRequest) -> None:
    """Check the rules that types cannot express. Raises `DomicileError` 400 that names the field."""
    if not request.file:
        raise errors.invalid_file("file", "It is empty.")
    if request.temperature is not None and not math.isfinite(request.temperature):
        raise errors.invalid_value("'temperature' must be a number between 0 and 1.", "temperature")
    if isinstance(request, TranslationRequest):
        return
    # Only "word" needs verbose_json: "segment" is the default.
    if "word" in (request.timestamp_granularities or ()) and request.answer_format != "verbose_json":
        raise errors.invalid_value(
            "'timestamp_granularities[]' needs 'response_format' to be verbose_json.", "timestamp_granularities"
        )
    if request.streams and request.answer_format not in _STREAMED_FORMATS:
        raise errors.invalid_value("'stream' needs 'response_format' to be json or text.", "stream")


def fields_for_engine(request: TranscriptionRequest | TranslationRequest, *, model: str) -> list[tuple[str, str]]:
    """The parsed form's fields for an engine, without the file. `model`: the engine's own name for the model."""
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
