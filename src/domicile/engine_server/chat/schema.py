"""JSON schemas that callers send: bounded, free of what cannot be enforced, and checked again on the finished text."""

from dataclasses import dataclass
from typing import Any

import jsonschema
import msgspec

from domicile.engine_server.chat import grammar
from domicile.engine_server.errors import Refusal

ANY_OBJECT: dict[str, Any] = {"type": "object"}


@dataclass(frozen=True)
class Schema:
    """A schema that the engine enforces while it writes."""

    document: dict[str, Any]
    grammar: str
    param: str

    def accepts(self, text: str) -> bool:
        """Whether a finished text is JSON of this shape."""
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return False
        return bool(jsonschema.Draft202012Validator(self.document).is_valid(value))


def prepare(document: dict[str, Any], param: str, *, strict: bool, must_be_object: bool = False) -> Schema:
    """Accept a schema or say what is wrong with it."""
    return Schema(document, grammar.of_schema(document), param)


def refused(param: str, reason: str) -> Refusal:
    """A schema that this engine will not promise to keep to."""
    return Refusal(400, "invalid_json_schema", f"Invalid schema for '{param}': {reason}", param)
