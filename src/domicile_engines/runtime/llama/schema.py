"""Prepares a caller's JSON schema: removes what cannot be enforced, adds bounds, and validates the finished text."""

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
# References can multiply the work of a validation beyond the schema's size, so they are counted.
_REFERENCES_FOLLOWED_MAX = 20_000


class _TooMuchWork(Exception):  # noqa: N818 - it ends a validation and is not an error
    pass


@dataclass(frozen=True)
class Schema:
    """A schema that the engine enforces while it generates."""

    document: dict[str, Any]
    """The caller's schema."""
    enforced: dict[str, Any]
    """The part that is enforced, with bounds."""
    grammar: str
    """The LLGuidance grammar of `enforced`."""
    param: str
    """The path of the schema in the request, for errors."""

    def accepts(self, text: str) -> bool:
        """Whether a finished text is JSON of this schema. False if the validation takes too much work."""
        try:
            return bool(_validator(self.enforced).is_valid(msgspec.json.decode(text)))
        except (msgspec.DecodeError, RecursionError, _TooMuchWork):
            return False


def prepare(document: dict[str, Any], param: str, *, strict: bool, of_arguments: bool = False) -> Schema:
    """Prepare a caller's schema. Raises a 400 at `param` for a schema that is invalid or cannot be enforced.

    `strict`: refuse every keyword that cannot be enforced; otherwise ignore such keywords, as OpenAI's API does. Unbounded
    values get bounds (`schema_bounds`). `of_arguments`: the schema of a function's arguments, which must be an object. The
    platform's reader has already limited the document's size and depth.
    """
    enforced = SchemaReader(document, param, strict=strict).read()
    if of_arguments:
        if enforced.get("type", "object") != "object":
            raise unenforceable_schema(param, "its type must be 'object'.")
        enforced["type"] = "object"
        # The model invents arguments if the schema allows them.
        close(enforced)
    add_bounds(enforced)
    return Schema(document, enforced, grammar.of_schema(enforced), param)


def _validator(schema: dict[str, Any]) -> Any:
    """A validator with bounded work that does not run the caller's regular expressions.

    The grammar has already enforced patterns, in linear time. Python's `re` can take exponential time.
    """
    followed = 0

    def reference(validator: Any, value: Any, instance: Any, parent: Any) -> Iterator[Any]:
        nonlocal followed
        followed += 1
        if followed > _REFERENCES_FOLLOWED_MAX:
            raise _TooMuchWork
        yield from jsonschema.Draft202012Validator.VALIDATORS["$ref"](validator, value, instance, parent) or ()

    def multiple_of(validator: Any, value: Any, instance: Any, parent: Any) -> Iterator[Any]:
        # In binary floating point, 1.1 is not a multiple of 0.1. The grammar has checked fractions in decimal.
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
