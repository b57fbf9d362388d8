"""Translates an engine's error answer into the caller's error (design 7).

An engine's own text never reaches a caller: it may name hosts, paths or other requests. Only the listed codes pass, with
Domicile's own texts and the engine's numbers. The embedded engine is the exception: its texts are Domicile's own.
"""

import re
from typing import Annotated

import msgspec
from msgspec import Meta

from domicile.data_plane import region_errors
from domicile.data_plane.engines.context_overflow import CODES, Overflow, overflow_error, overflow_in
from domicile.kernel import errors
from domicile.kernel.errors import DomicileError

_SECONDS = re.compile(r"[0-9]{1,9}")
_WORDS = re.compile(r"[\x20-\x7e]{1,400}")
_PARAM = re.compile(r"[a-z_]{1,40}(?:(?:\.[a-z_]{1,40})|(?:\[\d{1,5}\])){0,8}")

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


_Count = Annotated[int, Meta(ge=0, le=2**31)]


class _Error(msgspec.Struct):
    message: str = ""
    code: str | int | None = None
    type: str | None = None
    param: str | None = None
    n_prompt_tokens: _Count | None = None
    """Sent by llama-server for an overflow, with the size of its context in `n_ctx`."""
    n_ctx: _Count | None = None


class _Envelope(msgspec.Struct):
    """The error bodies of OpenAI, of TGI (`error` is a text), and of SGLang and older vLLM (no `error`)."""

    error: _Error | str | None = None
    message: str = ""
    code: str | int | None = None


def engine_refusal(
    status: int, body: bytes, retry_after: str | None, *, input_member: str, is_embedded: bool = False
) -> DomicileError:
    """The caller's error for an engine's answer with a status other than 200.

    `retry_after`: the engine's header. `input_member`: the member that holds the endpoint's input. `is_embedded`: pass on the
    engine's text, which is Domicile's own.
    """
    if status in {400, 413, 422}:
        return _bad_request(body, input_member=input_member, is_embedded=is_embedded)
    if status in {401, 403, 404, 405}:
        return region_errors.engine_misconfigured()
    if status in {408, 504}:
        return region_errors.engine_timeout()
    seconds = int(retry_after) if retry_after and _SECONDS.fullmatch(retry_after) else 1
    return region_errors.engine_unavailable(min(max(seconds, 1), 60))


def _bad_request(body: bytes, *, input_member: str, is_embedded: bool) -> DomicileError:
    error = _error_in(body)
    # llama-server sends the name as `type`, and the status as `code`.
    names = [name for name in (error.code, error.type) if isinstance(name, str)]
    code = next((name for name in names if name in _TEXTS or name in CODES), "")
    param = error.param if error.param and _PARAM.fullmatch(error.param) else None
    # vLLM, SGLang and TGI have no code for an overflow: only the message shows it.
    overflow = overflow_in(error.message) if code in CODES or not code else None
    if overflow is not None or code in CODES:
        known = overflow or Overflow()
        if error.n_ctx is not None and error.n_prompt_tokens is not None:
            known = Overflow(error.n_ctx, error.n_prompt_tokens)
        within = param if param and re.split(r"[.\[]", param)[0] == input_member else input_member
        return overflow_error(known, within)
    if code in _TEXTS:
        text = error.message if is_embedded and _WORDS.fullmatch(error.message) else _TEXTS[code]
        return errors.invalid_request(text, param=param, code=code)
    return errors.invalid_request(
        "The engine that serves this model here cannot process this request.", code="engine_refused"
    )


def _error_in(body: bytes) -> _Error:
    """The engine's error, from any of the known bodies. Empty for an unknown body."""
    try:
        envelope = msgspec.json.decode(body, type=_Envelope)
    except (ValueError, RecursionError):
        return _Error()
    if isinstance(envelope.error, _Error):
        return envelope.error
    return _Error(message=envelope.error or envelope.message, code=envelope.code)
