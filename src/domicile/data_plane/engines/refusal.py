"""What an engine's refusal becomes for the caller (design 7). An engine's own text never reaches a caller: it may name
hosts, paths or other requests. Only codes of this list do, with our words and the numbers that the engine named.

The engine that comes with Domicile is the exception: its words are ours, and say which values would do."""

import re

import msgspec

from domicile.kernel import errors
from domicile.kernel.errors import DomicileError

_NUMBERS = re.compile(r"[0-9]{1,9}")
_SECONDS = re.compile(r"[0-9]{1,9}")
_WORDS = re.compile(r"[\x20-\x7e]{1,400}")
_PARAM = re.compile(r"[a-z_]{1,40}(?:(?:\.[a-z_]{1,40})|(?:\[\d{1,5}\])){0,8}")

_TOO_LONG = frozenset({"context_length_exceeded", "exceed_context_size_error", "request_too_large"})
_TEXTS = {
    "unsupported_parameter": "The engine that serves this model here cannot honour this parameter. Remove it.",
    "modality_not_supported": "The engine that serves this model here cannot read this kind of content. Send text only.",
    "invalid_json_schema": "The engine that serves this model here cannot enforce this JSON schema. Simplify it.",
    "invalid_file": "The engine that serves this model here cannot read this file. Send a recording in a common format, whole.",
    "invalid_value": "The engine that serves this model here cannot use this value.",
    "invalid_type": "The engine that serves this model here cannot use a value of this type.",
    "unknown_parameter": "The engine that serves this model here does not know this parameter. Remove it.",
    "missing_required_parameter": "The engine that serves this model here needs this parameter.",
    "content_filter": "The engine that serves this model here refuses this content by a filter of its own. Change it.",
    "content_policy_violation": "The engine that serves this model here refuses this content by a rule of its own. Change it.",
    "invalid_function_parameters": "The engine that serves this model here cannot enforce the parameters of this function.",
}


class _Error(msgspec.Struct):
    message: str = ""
    code: str | int | None = None
    type: str | None = None
    param: str | None = None


class _Envelope(msgspec.Struct):
    error: _Error


def engine_refusal(status: int, body: bytes, retry_after: str | None, *, is_embedded: bool = False) -> DomicileError:
    """The caller's error for an engine's answer other than 200. `is_embedded`: whether the engine's words are ours."""
    if status in {400, 413, 422}:
        return _bad_request(body, is_embedded=is_embedded)
    if status in {401, 403, 404, 405}:
        return errors.engine_misconfigured()
    if status in {408, 504}:
        return errors.engine_timeout()
    seconds = int(retry_after) if retry_after and _SECONDS.fullmatch(retry_after) else 1
    return errors.engine_unavailable(min(max(seconds, 1), 60))


def _bad_request(body: bytes, *, is_embedded: bool) -> DomicileError:
    try:
        error = msgspec.json.decode(body, type=_Envelope).error
    except (ValueError, RecursionError):
        error = _Error()
    # llama-server has the name in `type` and repeats the status as `code`.
    names = [name for name in (error.code, error.type) if isinstance(name, str)]
    code = next((name for name in names if name in _TEXTS or name in _TOO_LONG), "")
    param = error.param if error.param and _PARAM.fullmatch(error.param) else None
    if code in _TOO_LONG:
        return _too_long(error.message, param)
    if code in _TEXTS:
        text = error.message if is_embedded and _WORDS.fullmatch(error.message) else _TEXTS[code]
        return errors.invalid_request(text, param=param, code=code)
    return errors.invalid_request(
        "The engine that serves this model here cannot process this request.", code="engine_refused"
    )


def _too_long(message: str, param: str | None) -> DomicileError:
    """Servers that name no member serve chat: theirs is the messages."""
    numbers = _NUMBERS.findall(message)
    limit = f" ({' and '.join(numbers)} tokens)" if len(numbers) == 2 else ""
    return errors.invalid_request(
        f"The input is longer than the engine that serves this model here can take{limit}. Send less.",
        param=param or "messages",
        code="context_length_exceeded",
    )
