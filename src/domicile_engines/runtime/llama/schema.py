"""JSON schemas that callers send: bounded, free of what cannot be enforced, and checked again on the finished text."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jsonschema
import msgspec

from domicile_engines.runtime.engine_errors import unenforceable_schema
from domicile_engines.runtime.llama import grammar
from domicile_engines.runtime.llama.schema_bounds import add_bounds, close
from domicile_engines.runtime.llama.schema_reader import SchemaReader

ANY_OBJECT: dict[str, Any] = {"type": "object"}
# A reference may stand for many others, so the work of a check is not bounded by the schema's size alone.
_REFERENCES_FOLLOWED_MAX = 20_000


class _TooMuchWork(Exception):  # noqa: N818 - it ends a check, it is no fault
    pass


@dataclass(frozen=True)
class Schema:
    """A schema that the engine enforces while it writes."""

    document: dict[str, Any]
    enforced: dict[str, Any]
    grammar: str
    param: str

    def accepts(self, text: str) -> bool:
        """Whether a finished text is JSON of this shape. What cannot be checked is not accepted."""
        try:
            return bool(_validator(self.enforced).is_valid(msgspec.json.decode(text)))
        except (msgspec.DecodeError, RecursionError, _TooMuchWork):
            return False


def prepare(document: dict[str, Any], param: str, *, strict: bool, of_arguments: bool = False) -> Schema:
    """Accept a schema or say what is wrong with it. How large and how deep it may be, the platform's reader has checked.

    Strict: every keyword is one that will be enforced. Otherwise, as in OpenAI's API, the answer keeps to what can be
    enforced of it. Either way what has no end of its own gets one (`schema_bounds`).
    """
    enforced = SchemaReader(document, param, strict=strict).read()
    if of_arguments:
        if enforced.get("type", "object") != "object":
            raise unenforceable_schema(param, "its type must be 'object'.")
        enforced["type"] = "object"
        # A model invents arguments where it may.
        close(enforced)
    add_bounds(enforced)
    return Schema(document, enforced, grammar.of_schema(enforced), param)


def _validator(schema: dict[str, Any]) -> Any:
    """A validator whose work is bounded whatever the schema: no caller's regular expression runs here.

    Patterns were enforced as the text was written, in linear time; Python's `re` can be made to run for ever.
    """
    followed = 0

    def reference(validator: Any, value: Any, instance: Any, parent: Any) -> Iterator[Any]:
        nonlocal followed
        followed += 1
        if followed > _REFERENCES_FOLLOWED_MAX:
            raise _TooMuchWork
        yield from jsonschema.Draft202012Validator.VALIDATORS["$ref"](validator, value, instance, parent) or ()

    def multiple_of(validator: Any, value: Any, instance: Any, parent: Any) -> Iterator[Any]:
        # Binary floating point would call 1.1 no multiple of 0.1; the grammar counts in decimals.
        if isinstance(value, int) and isinstance(instance, int):
            yield from (
                jsonschema.Draft202012Validator.VALIDATORS["multipleOf"](validator, value, instance, parent) or ()
            )

    def nothing(*_: Any) -> None:
        return None

    extended = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
        jsonschema.Draft202012Validator, {"$ref": reference, "multipleOf": multiple_of, "pattern": nothing}
    )
    return extended(schema)
