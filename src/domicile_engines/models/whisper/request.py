"""A transcription or translation request as this engine reads it: every field known, served or refused."""

from dataclasses import dataclass
from typing import Literal

from domicile.web.bodies.multipart import Form, FormError, read_form
from domicile_engines.models.whisper.languages import code_of
from domicile_engines.runtime.errors import Refusal, invalid, other_model, unsupported

MODEL_ID = "whisper-base"
FILE_BYTES_MAX = 25 * 1024 * 1024
SECONDS_MAX = 3_600
"""A few megabytes can hold a day of silence; an hour is what a small CPU can work through."""

Task = Literal["transcribe", "translate"]
Format = Literal["json", "text", "srt", "verbose_json", "vtt"]

_FORMATS: dict[str, Format] = {name: name for name in ("json", "text", "srt", "verbose_json", "vtt")}
_GRANULARITIES = frozenset({"word", "segment"})
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}
_FIELDS_OF_BOTH = frozenset({"model", "prompt", "response_format", "temperature"})
_FIELDS_OF_TRANSCRIPTION = frozenset({"language", "timestamp_granularities", "stream"})
# What the API knows and this model cannot do.
_NOT_SERVED = {
    "include": "This model gives no log probabilities of single tokens.",
    "chunking_strategy": "This engine always cuts at pauses; that cannot be set.",
    "known_speaker_names": "This model does not tell speakers apart.",
    "known_speaker_references": "This model does not tell speakers apart.",
    "languages": "This model takes one language; use 'language'.",
    "keywords": "This model takes a 'prompt', not single words.",
}


@dataclass(frozen=True, slots=True)
class TranscriptionRequest:
    """What is to be written down, and how. `language` is Whisper's code, or None: to be detected."""

    file: bytes
    task: Task
    response_format: Format = "json"
    language: str | None = None
    prompt: str | None = None
    temperature: float = 0.0
    granularities: frozenset[str] = frozenset({"segment"})
    stream: bool = False


def decode(body: bytes, content_type: str, task: Task) -> TranscriptionRequest:
    """The request, or a refusal that names the field at fault."""
    try:
        form = read_form(body, content_type, files=frozenset({"file"}))
    except FormError as error:
        raise invalid(error.message, error.param, "invalid_form") from None
    fields = _known(form, task)
    file = form.files.get("file")
    if file is None:
        raise invalid("Missing required parameter: 'file'.", "file", "missing_required_parameter")
    if len(file) > FILE_BYTES_MAX:
        raise Refusal(413, "request_too_large", f"'file' is larger than {FILE_BYTES_MAX} bytes.", "file")
    if "model" not in fields:
        raise invalid("Missing required parameter: 'model'.", "model", "missing_required_parameter")
    if fields["model"] != [MODEL_ID]:
        raise other_model(MODEL_ID)
    request = TranscriptionRequest(
        file,
        task,
        _format(fields),
        _language(fields),
        _only(fields, "prompt"),
        _temperature(fields),
        _granularities(fields),
        _stream(fields),
    )
    _check(request, "timestamp_granularities" in fields)
    return request


def _known(form: Form, task: Task) -> dict[str, list[str]]:
    """The form's fields by their names in the API: SDKs send lists as `name[]`."""
    known = _FIELDS_OF_BOTH | (_FIELDS_OF_TRANSCRIPTION if task == "transcribe" else frozenset())
    fields: dict[str, list[str]] = {}
    for sent, values in form.fields.items():
        name = sent.partition("[")[0]
        if name in _NOT_SERVED and task == "transcribe":
            raise unsupported(name, _NOT_SERVED[name])
        if name not in known:
            raise unsupported(sent, "This engine does not know it.")
        fields.setdefault(name, []).extend(values)
    return fields


def _only(fields: dict[str, list[str]], name: str) -> str | None:
    values = fields.get(name, [])
    if len(values) > 1:
        raise invalid(f"'{name}' was sent more than once.", name)
    return values[0] if values else None


def _format(fields: dict[str, list[str]]) -> Format:
    value = _only(fields, "response_format") or "json"
    if value == "diarized_json":
        raise unsupported("response_format", "This model does not tell speakers apart.")
    if value not in _FORMATS:
        raise invalid(f"'response_format' must be one of: {', '.join(_FORMATS)}.", "response_format")
    return _FORMATS[value]


def _language(fields: dict[str, list[str]]) -> str | None:
    value = _only(fields, "language")
    if not value:
        return None
    code = code_of(value)
    if code is None:
        raise invalid("'language' must be a code of ISO 639-1 that this model knows, such as 'en'.", "language")
    return code


def _temperature(fields: dict[str, list[str]]) -> float:
    value = _only(fields, "temperature")
    try:
        temperature = float(value or 0)
    except ValueError:
        temperature = -1.0
    if not 0 <= temperature <= 1:
        raise invalid("'temperature' must be a number between 0 and 1.", "temperature")
    return temperature


def _granularities(fields: dict[str, list[str]]) -> frozenset[str]:
    values = frozenset(fields.get("timestamp_granularities", ["segment"]))
    if not values <= _GRANULARITIES:
        raise invalid("'timestamp_granularities[]' must be 'word' or 'segment'.", "timestamp_granularities")
    return values


def _stream(fields: dict[str, list[str]]) -> bool:
    value = (_only(fields, "stream") or "false").lower()
    if value not in _BOOLEANS:
        raise invalid("'stream' must be 'true' or 'false'.", "stream")
    return _BOOLEANS[value]


def _check(request: TranscriptionRequest, granularities_were_sent: bool) -> None:
    if granularities_were_sent and request.response_format != "verbose_json":
        raise invalid("'timestamp_granularities[]' needs 'response_format' verbose_json.", "timestamp_granularities")
    if request.stream and request.response_format not in ("json", "text"):
        raise invalid("'stream' needs 'response_format' json or text.", "stream")
