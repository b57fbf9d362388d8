"""A JSON body as a closed type, and a clear answer to everything outside it: the same for every endpoint of the engine."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from domicile_engines.runtime.errors import Refusal, invalid, unsupported

DEPTH_MAX = 64

RequestT = TypeVar("RequestT", bound=msgspec.Struct)


def read_request(body: bytes, kind: type[RequestT], not_served: Mapping[str, str] | None = None) -> RequestT:
    """The request, or a `Refusal` that names the member that is wrong.

    `not_served`: what the API knows and this engine cannot do, with the reason. Saying so is the honest answer; ignoring it
    would look like obeying. `null` and an empty object ask for nothing.
    """
    members = _members(body)
    for name, reason in (not_served or {}).items():
        value = members.pop(name, None)
        if value is not None and value != {}:
            raise unsupported(name, reason)
    try:
        return msgspec.convert(members, kind)
    except msgspec.ValidationError as error:
        raise _from_validation(str(error)) from None


class _Named(msgspec.Struct):
    model: str


def names_model(body: bytes, name: str) -> bool:
    """Whether a body asks for this model. What is wrong with it otherwise is its reader's to say."""
    try:
        return msgspec.json.decode(body, type=_Named).model == name
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


def _members(body: bytes) -> dict[str, Any]:
    try:
        members = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise invalid("The body is not valid JSON.", None, "invalid_json") from None
    if not isinstance(members, dict):
        raise invalid("The body must be a JSON object.", None, "invalid_type")
    if _depth(members) > DEPTH_MAX:
        raise invalid(f"The body is nested more than {DEPTH_MAX} deep.", None, "invalid_json")
    return members


def _depth(value: Any) -> int:
    deepest = 0
    level = [value]
    while level:
        deepest += 1
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
    return deepest


_UNKNOWN = re.compile(r"^Object contains unknown field `(.*?)`(?: - at `\$\.?([^`]*)`)?$", re.DOTALL)
_WRONG = re.compile(r"^(.*?)(?: - at `\$\.?(.*)`)?$", re.DOTALL)
# msgspec's own sentences about types and ranges; whatever else it says could quote the request.
_PLAIN = re.compile(
    r"^(Expected `[^`]*`(?: of length [<>]= \d+| [<>]=? -?[\d.]+)?(?:, got `[a-z]+`)?"
    r"|Object missing required field `[a-z_]+`)$"
)


def _from_validation(text: str) -> Refusal:
    unknown = _UNKNOWN.match(text)
    if unknown is not None:
        place = ".".join(filter(None, [unknown[2], unknown[1]]))
        return unsupported(place, "This engine does not know it.")
    wrong = _WRONG.match(text)
    reason = wrong[1] if wrong is not None else text
    path: str | None = (wrong[2] or None) if wrong is not None else None
    missing = re.match(r"^Object missing required field `([a-z_]+)`$", reason)
    if missing is not None:
        path = ".".join(filter(None, [path, missing[1]]))
        return invalid(f"Missing required parameter: '{path}'.", path, "missing_required_parameter")
    plain = reason if _PLAIN.match(reason) else "The value is not one that this parameter takes"
    return invalid(f"Invalid value for '{path}'. {plain}.", path)
