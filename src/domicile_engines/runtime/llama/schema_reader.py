"""Reads the supported part of JSON Schema, within measured limits (docs/embedded-models.md)."""

import re
from typing import Any

from domicile.kernel.errors import DomicileError
from domicile_engines.runtime.engine_errors import unenforceable_schema

PROPERTIES_MAX = 512
PROPERTIES_PER_OBJECT_MAX = 128
ENUM_VALUES_MAX = 1024
# llama.cpp expands every counted item, on the thread that serves all slots.
ITEMS_COUNTED_MAX = 8192
LENGTH_MAX = 100_000
PATTERN_LENGTH_MAX = 512

_TYPES = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})
_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})
_ANNOTATIONS = frozenset(
    {"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment", "$schema"}
)
_REFERENCE = re.compile(r"^#(/\$defs/[^/~%]+|/definitions/[^/~%]+)?$")
_HOLDS_SCHEMAS = frozenset(
    {"properties", "$defs", "definitions", "anyOf", "prefixItems", "items", "additionalProperties"}
)
_NUMBERS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
_LENGTHS = frozenset({"minLength", "maxLength"})
_COUNTS = frozenset({"minItems", "maxItems"})
# Look-around, back-references and inline flags: a grammar cannot enforce them.
_UNENFORCEABLE = re.compile(r"\(\?(?!:)|\\[1-9bBk]")


class SchemaReader:
    """Reads the part of one schema that can be enforced. Strict: refuses any other keyword; otherwise leaves it out."""

    def __init__(self, document: dict[str, Any], param: str, *, strict: bool) -> None:
        """`param`: the schema's path in the request, for errors."""
        self._document = document
        self._param = param
        self._strict = strict
        self._properties = 0
        self._enum_values = 0
        self._items = 0

    def read(self) -> dict[str, Any]:
        """Return the enforced schema. Raises a 400 for a schema that is invalid, too large or, if strict, unenforceable."""
        enforced = self._schema(self._document)
        self._refuse_endless_references(enforced)
        return enforced

    def _refuse(self, reason: str) -> DomicileError:
        return unenforceable_schema(self._param, reason)

    def _schema(self, node: Any) -> dict[str, Any]:
        if node is True:
            return {}
        if not isinstance(node, dict):
            raise self._refuse("a schema must be an object, or true.")
        enforced: dict[str, Any] = {}
        for keyword, value in node.items():
            if keyword in _ANNOTATIONS:
                continue
            read = self._keyword(keyword, value)
            if read is not None:
                enforced[keyword] = read[0]
        self._limits_agree(enforced)
        return enforced

    def _keyword(self, keyword: str, value: Any) -> tuple[Any] | None:
        """The enforced value of a keyword, in a tuple. None if the keyword is left out."""
        if keyword in _HOLDS_SCHEMAS:
            return (self._inner(keyword, value),)
        if keyword in _NUMBERS | _LENGTHS | _COUNTS:
            return (self._number(keyword, value),)
        read = {
            "type": self._type,
            "required": self._required,
            "enum": self._enum,
            "const": lambda value: value,
            "$ref": self._reference,
        }.get(keyword)
        if read is not None:
            return (read(value),)
        if (keyword == "format" and isinstance(value, str) and value in _FORMATS) or (
            keyword == "pattern" and self._enforceable(value)
        ):
            return (value,)
        if self._strict:
            raise self._refuse(f"'{keyword[:32]}' cannot be enforced as it stands here.")
        return None

    def _inner(self, keyword: str, value: Any) -> Any:
        if keyword in ("properties", "$defs", "definitions"):
            return self._named_schemas(keyword, value)
        if keyword in ("anyOf", "prefixItems"):
            if not isinstance(value, list) or not value:
                raise self._refuse(f"'{keyword}' must be a list of schemas.")
            return [self._schema(each) for each in value]
        return value if isinstance(value, bool) else self._schema(value)

    def _named_schemas(self, keyword: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._refuse(f"'{keyword}' must be an object of schemas.")
        self._properties += len(value)
        if len(value) > PROPERTIES_PER_OBJECT_MAX or self._properties > PROPERTIES_MAX:
            raise self._refuse(
                f"it has more than {PROPERTIES_PER_OBJECT_MAX} properties in one object or {PROPERTIES_MAX} in all."
            )
        return {name: self._schema(each) for name, each in value.items()}

    def _number(self, keyword: str, value: Any) -> int | float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._refuse(f"'{keyword}' must be a number.")
        if keyword not in _NUMBERS and (not isinstance(value, int) or value < 0):
            raise self._refuse(f"'{keyword}' must be a whole number, zero or more.")
        if keyword == "multipleOf" and value <= 0:
            raise self._refuse("'multipleOf' must be greater than zero.")
        if keyword in _LENGTHS and value > LENGTH_MAX:
            raise self._refuse(f"'{keyword}' is limited to {LENGTH_MAX}.")
        if keyword in _COUNTS:
            self._items += int(value)
            if self._items > ITEMS_COUNTED_MAX:
                raise self._refuse(f"all 'minItems' and 'maxItems' together are limited to {ITEMS_COUNTED_MAX}.")
        return value

    def _type(self, value: Any) -> Any:
        names = value if isinstance(value, list) else [value]
        if not names or any(not isinstance(name, str) or name not in _TYPES for name in names):
            raise self._refuse("'type' must be a type's name or a list of them.")
        return value

    def _required(self, value: Any) -> Any:
        if not isinstance(value, list) or any(not isinstance(name, str) for name in value):
            raise self._refuse("'required' must be a list of names.")
        return value

    def _enum(self, value: Any) -> Any:
        if not isinstance(value, list) or not value:
            raise self._refuse("'enum' must be a list of values.")
        self._enum_values += len(value)
        if self._enum_values > ENUM_VALUES_MAX:
            raise self._refuse(f"it has more than {ENUM_VALUES_MAX} enum values.")
        return value

    def _reference(self, value: Any) -> Any:
        if (
            not isinstance(value, str)
            or _REFERENCE.match(value) is None
            or self._resolve(self._document, value) is None
        ):
            raise self._refuse("'$ref' must name a schema in '#/$defs', or be '#'.")
        return value

    def _enforceable(self, value: Any) -> bool:
        if not isinstance(value, str):
            raise self._refuse("'pattern' must be a string.")
        if len(value) > PATTERN_LENGTH_MAX:
            raise self._refuse(f"'pattern' is limited to {PATTERN_LENGTH_MAX} characters.")
        return _UNENFORCEABLE.search(value) is None

    def _limits_agree(self, enforced: dict[str, Any]) -> None:
        for least, most in (("minItems", "maxItems"), ("minLength", "maxLength"), ("minimum", "maximum")):
            if least in enforced and most in enforced and enforced[least] > enforced[most]:
                raise self._refuse(f"'{least}' is greater than '{most}'.")

    def _resolve(self, document: dict[str, Any], reference: str) -> Any:
        target: Any = document
        for step in reference.split("/")[1:]:
            target = target.get(step) if isinstance(target, dict) else None
        return target

    def _refuse_endless_references(self, root: dict[str, Any]) -> None:
        """Refuse a reference cycle without a property or an item in between: it describes no value."""
        finished: set[int] = set()
        visiting: set[int] = set()

        def visit(node: dict[str, Any]) -> None:
            if id(node) in finished:
                return
            if id(node) in visiting:
                raise self._refuse("a '$ref' leads back to itself without a property or an item in between.")
            visiting.add(id(node))
            following = list(node.get("anyOf", ()))
            if "$ref" in node:
                following.append(self._resolve(root, node["$ref"]))
            for each in following:
                visit(each)
            visiting.discard(id(node))
            finished.add(id(node))

        try:
            for node in all_schemas(root):
                visit(node)
        except RecursionError:
            raise self._refuse("its references are chained too deep.") from None


def all_schemas(root: dict[str, Any]) -> list[dict[str, Any]]:
    """The schema and all its subschemas."""
    found = [root]
    for node in found:
        for keyword in ("properties", "$defs", "definitions"):
            found.extend(node.get(keyword, {}).values())
        for keyword in ("anyOf", "prefixItems"):
            found.extend(node.get(keyword, ()))
        found.extend(node[k] for k in ("items", "additionalProperties") if isinstance(node.get(k), dict))
    return found
