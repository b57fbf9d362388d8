"""Decodes JSON from outside into a closed type (design 4.2).

It refuses duplicate members, since two parsers may take different ones. It also refuses invalid UTF-8, lone surrogates, NaN,
integers above 64 bits, infinite numbers, nesting above 64 levels, and members that the type does not know.
"""

import json
import math
import re
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from domicile.kernel import errors
from domicile.kernel.errors import DomicileError
from domicile.web import http_errors

T = TypeVar("T")

MAX_DEPTH = 64
# Parsing time depends on the number of values: 20 MB of `[],[],` would block all requests for ten seconds.
MAX_VALUES = 100_000
_MAX_INTEGER_LENGTH = len("-9223372036854775808")
_MAX_ECHO = 200
# Possessive quantifiers, and an unterminated string ends with the body: linear time and constant memory for any input.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
QUICK_BYTES_MAX = 1024 * 1024
"""Bytes that the quick parser takes: about 4 ms, in which it holds the GIL. The slow parser lets other threads run."""
_UNDECIDED = object()
_CONTAINERS = frozenset({dict, list})
_DIGITS_TO_ZERO = bytes(ord("0") if chr(byte) in "0123456789" else ord(" ") for byte in range(256))
_LONG_NUMBER = b"0" * 19
_ESCAPED_COLON = re.compile(rb"\\u003[aA]")
_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()
_BRACKET = re.compile(rb"[\[\]{}]")
_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_MESSAGE_PATH = re.compile(r" - at (?:`key` in )?`\$\.?([^`]*)`\Z")
_UNKNOWN_FIELD = re.compile(r"^Object contains unknown field `(.*)`$", re.DOTALL)
_MISSING_FIELD = re.compile(r"^Object missing required field `(.*)`$")
_NO_CHOICE = "Invalid enum value"
_TYPE_NAMES = re.compile(r"`[^`]+`")
# msgspec names types partly in its own words, partly by Python's class names.
_JSON_NAMES = {
    **{"str": "string", "int": "integer", "float": "number", "bool": "boolean", "null": "null", "NoneType": "null"},
    **{"array": "array", "list": "array", "tuple": "array", "object": "object", "dict": "object"},
    # In JSON, bytes are a base64 string.
    "bytes": "string",
}


class _RefusedJsonError(ValueError):
    """JSON that Python's parser accepts and this module refuses."""


def decode_json(body: bytes, type_: type[T], *, max_values: int | None = None) -> T:
    """Decode a body as a `type_`. Raises `DomicileError` 400 with the member at fault as `param`.

    `max_values`: the limit for values in the body; None for no limit.
    """
    return converted(parse_json(body, max_values=max_values), type_)


def converted(value: Any, type_: type[T], *, from_text: bool = False) -> T:
    """Convert parsed JSON or form fields to a `type_`. Raises `DomicileError` 400 with the member at fault as `param`.

    `from_text`: for forms. Numbers and booleans may be texts, and an empty optional field counts as absent.
    """
    if from_text:
        value = _without_empty_fields(value, type_)
    try:
        return msgspec.convert(value, type_, strict=not from_text)
    except msgspec.ValidationError as error:
        raise _validation_error(str(error), type_) from None


def parse_json(body: bytes, *, max_values: int | None = None) -> Any:
    """Parse a body into plain values, with every rule above except the type's. Raises `DomicileError` 400."""
    value = _quickly_parsed(body, max_values) if len(body) <= QUICK_BYTES_MAX else _UNDECIDED
    return _slowly_parsed(body, max_values) if value is _UNDECIDED else value


def _quickly_parsed(body: bytes, max_values: int | None) -> Any:
    """The value if the body surely keeps every rule, else `_UNDECIDED`. Takes a fifth of the slow parser's time.

    msgspec checks all rules except four: the number of values, the depth, integers above 64 bits and duplicate members.
    """
    # Every value takes at least one byte, so a short body cannot hold too many.
    if (
        max_values is not None
        and len(body) > max_values
        and len(body) - len(body.translate(None, b',[{"')) > max_values
    ):
        return _UNDECIDED
    # An integer above 64 bits has at least 19 digits.
    if _LONG_NUMBER in body.translate(_DIGITS_TO_ZERO) or _ESCAPED_COLON.search(body):
        return _UNDECIDED
    try:
        value = _decoder.decode(body)
        # A duplicate member is lost in decoding, and with it a colon. Colons in strings are the same number in both.
        if _encoder.encode(value).count(b":") != body.count(b":"):
            return _UNDECIDED
    except (ValueError, RecursionError):
        # msgspec's errors are ValueErrors.
        return _UNDECIDED
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _is_deeper_than(MAX_DEPTH, value):
        return _UNDECIDED
    return value


def _is_deeper_than(limit: int, value: Any) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            below
            for each in level
            if type(each) in _CONTAINERS
            for below in (each.values() if type(each) is dict else each)
        ]
        if not level:
            return False
    return any(type(each) in _CONTAINERS for each in level)


def _slowly_parsed(body: bytes, max_values: int | None) -> Any:
    """Parse with Python's `json` and check every rule. Raises the error for the first broken rule."""
    if max_values is not None:
        _check_count(body, max_values)
    _check_depth(body)
    try:
        text = body.decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_integer
        )
        if _ESCAPED_SURROGATE.search(body):
            # Encoding fails for a lone surrogate. The parser has joined pairs into one character.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError:
        raise http_errors.invalid_json("it is not valid UTF-8") from None
    except UnicodeEncodeError:
        raise http_errors.invalid_json("it holds half of a surrogate pair") from None
    except json.JSONDecodeError as error:
        raise http_errors.invalid_json(f"{error.msg} (line {error.lineno}, column {error.colno})") from None
    except _RefusedJsonError as error:
        raise http_errors.invalid_json(str(error)) from None
    return value


def _check_count(body: bytes, limit: int) -> None:
    """Raise if there are more than `limit` values. Every value but the first follows a comma or a bracket outside strings."""
    # Count strings first: their number bounds the time for removing them. An escaped backslash may stand before a quote, so
    # this count can miss up to half of the quotes.
    strings = (body.count(b'"') - body.count(b'\\"')) // 2
    if strings <= limit and _count_of_values(body) > limit:
        too_many = _count_of_values(_STRING.sub(b"", body)) > limit
    else:
        too_many = strings > limit
    if too_many:
        raise http_errors.invalid_json(f"it holds more than {limit} values")


def _count_of_values(body: bytes) -> int:
    return body.count(b",") + body.count(b"[") + body.count(b"{")


def _check_depth(body: bytes) -> None:
    # Quick check that settles nearly every request: with at most 64 opening brackets the depth cannot exceed 64.
    if body.count(b"{") + body.count(b"[") <= MAX_DEPTH:
        return
    depth = 0
    for match in _BRACKET.finditer(_STRING.sub(b"", body)):
        depth += 1 if match[0] in b"[{" else -1
        if depth > MAX_DEPTH:
            raise http_errors.invalid_json(f"it is nested more than {MAX_DEPTH} levels deep")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _RefusedJsonError("an object has the same member twice")
    return value


def _constant(_name: str) -> float:
    raise _RefusedJsonError("NaN and Infinity are not JSON")


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise _RefusedJsonError("a number is too large")
    return value


def _integer(digits: str) -> int:
    if len(digits) > _MAX_INTEGER_LENGTH:
        raise _RefusedJsonError("an integer is too large")
    value = int(digits)
    if not -(2**63) <= value < 2**63:
        raise _RefusedJsonError("an integer is too large")
    return value


def _validation_error(message: str, type_: Any) -> DomicileError:
    """Translate msgspec's error. The text may quote a member's name or a value of the caller, shortened to `_MAX_ECHO`."""
    path = ""
    found = _MESSAGE_PATH.search(message)
    if found:
        path, message = found[1].replace("[...]", "[]"), message[: found.start()]
    unknown = _UNKNOWN_FIELD.match(message)
    if unknown:
        return errors.unknown_parameter(_join(path, _shortened(unknown[1])))
    missing = _MISSING_FIELD.match(message)
    if missing:
        return errors.missing_parameter(_join(path, missing[1]))
    where = f"Invalid value for '{path}': " if path else "Invalid body: "
    param = path or None
    if message.startswith("Expected"):
        message = _TYPE_NAMES.sub(_in_json_words, message)
        if ", got " in message:
            return errors.invalid_type(f"{where}{message[0].lower()}{message[1:]}.", param)
    choices = _choices(type_).get(path) if message.startswith(_NO_CHOICE) else None
    hint = f" Send one of: {', '.join(choices)}." if choices else ""
    return errors.invalid_value(f"{where}{_shortened(message[0].lower() + message[1:])}.{hint}", param)


def _without_empty_fields(value: Any, type_: Any) -> Any:
    """Remove empty optional fields from a form. Clients send one for each input element that was left empty.

    Node's official client writes null as the text "null". In a field of free text that is a text.
    """
    if not isinstance(value, dict):
        return value
    empty = _empty_texts(type_)
    kept: dict[str, Any] = {}
    for name, given in value.items():
        filled = [each for each in given if each != ""] if isinstance(given, list) and name in empty else given
        if not (name in empty and (filled == [] or filled in empty[name])):
            kept[name] = filled
    return kept


@cache
def _empty_texts(type_: Any) -> dict[str, tuple[str, ...]]:
    """The optional fields of a type, with the texts that count as absent."""
    shape = inspect.type_info(type_)
    found: dict[str, tuple[str, ...]] = {}
    for field in shape.fields if isinstance(shape, inspect.StructType) else ():
        if not field.required:
            kinds = field.type.types if isinstance(field.type, inspect.UnionType) else (field.type,)
            is_free = any(isinstance(kind, inspect.StrType) and kind.pattern is None for kind in kinds)
            found[field.encode_name] = ("",) if is_free else ("", "null")
    return found


@cache
def _choices(type_: Any) -> dict[str, tuple[str, ...]]:
    """The allowed values of each enum or literal member of the outermost object."""
    shape = inspect.type_info(type_)
    found = {}
    for field in shape.fields if isinstance(shape, inspect.StructType) else ():
        kinds = field.type.types if isinstance(field.type, inspect.UnionType) else (field.type,)
        words = [word for kind in kinds if isinstance(kind, inspect.LiteralType) for word in kind.values]
        words += [each.value for kind in kinds if isinstance(kind, inspect.EnumType) for each in kind.cls]
        if words:
            found[field.encode_name] = tuple(str(word) for word in words)
    return found


def _in_json_words(names: re.Match[str]) -> str:
    words = names[0].strip("`").split(" | ")
    return " or ".join(_JSON_NAMES.get(word, "another type") for word in words)


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_ECHO else f"{text[:_MAX_ECHO]}..."


def _join(path: str, member: str) -> str:
    return f"{path}.{member}" if path else member
