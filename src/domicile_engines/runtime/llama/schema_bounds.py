"""Adds bounds to the unbounded parts of a schema, for answers and for the arguments of calls.

A small model seldom closes a string, a number, a list or an object by itself. Without bounds it runs to the token limit, and
the client gets truncated JSON. A bound only narrows the schema, so every answer still matches the caller's schema.
"""

from typing import Any

from domicile_engines.runtime.llama.schema_reader import all_schemas

Node = dict[str, Any]

STRING_LENGTH = 200
"""Characters."""
ITEMS = 16
PROPERTIES = 16
"""Maximum in an object whose schema names no properties."""
NAME_LENGTH = 40
"""Characters of a property name that the schema does not name."""
NUMBER = 10**15
"""The largest absolute value. Every whole number up to it is exact in a double."""
DECIMALS = 0.000_001
"""The step of fractions: six decimals."""
# In a narrower range, six decimals might leave no number.
_NARROW = 0.001
_FREE_DEPTH = 2
"""Nesting depth of a value that the schema does not restrict."""

_TYPES = ("string", "number", "boolean", "null", "array", "object")
_ENDED = frozenset({"enum", "const", "$ref"})
_NUMERIC = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")


def add_bounds(root: Node) -> None:
    """Bound every schema within `root`, in place."""
    nodes = all_schemas(root)
    merged = {
        id(option)
        for node in nodes
        if node.keys() & {"properties", "additionalProperties"}
        for option in node.get("anyOf", ())
    }
    for node in nodes:
        # `anyOf` and `properties` of one node apply together. Closing either would exclude the properties of the other.
        _bound(node, _FREE_DEPTH, may_close=id(node) not in merged)


def close(node: Node) -> None:
    """Set `additionalProperties` to false, in place.

    Leaves the node unchanged if it has `additionalProperties` or `anyOf`, or requires a property that it does not name.
    """
    named = node.get("properties", {}).keys()
    if "additionalProperties" not in node and "anyOf" not in node and named >= set(node.get("required", ())):
        node["additionalProperties"] = False


def _bound(node: Node, depth: int, *, may_close: bool) -> None:
    if node.keys() & _ENDED:
        return
    if not node:
        node["type"] = list(_TYPES if depth > 0 else _TYPES[:4])
    kinds = node.get("type", [])
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if "string" in kinds:
        _bound_string(node)
    if "array" in kinds:
        _bound_array(node, depth)
    if "object" in kinds and may_close:
        _bound_object(node, depth)
    # Last, because it may replace the node by two options.
    if "integer" in kinds or "number" in kinds:
        _bound_number(node, kinds)


def _bound_string(node: Node) -> None:
    if "maxLength" not in node and not _is_finite(node.get("pattern", "")):
        node["maxLength"] = max(STRING_LENGTH, node.get("minLength", 0))


def _is_finite(pattern: str) -> bool:
    """Whether a pattern surely matches only texts of bounded length. Conservative: it only looks for certain characters."""
    is_whole = pattern.startswith("^") and pattern.endswith("$") and not pattern.endswith("\\$")
    return is_whole and not any(endless in pattern for endless in ("*", "+", "|", ",}"))


def _bound_array(node: Node, depth: int) -> None:
    first = len(node.get("prefixItems", ()))
    if first and "items" not in node:
        node["items"] = False
    elif "maxItems" not in node:
        node["maxItems"] = max(first + ITEMS, node.get("minItems", 0))
    if node.get("items", True) is True:
        node["items"] = _anything(depth)


def _bound_object(node: Node, depth: int) -> None:
    if node.get("properties") or node.get("required") or "anyOf" in node:
        close(node)
        if node.get("additionalProperties") is True:
            node["additionalProperties"] = _anything(depth)
        return
    values = node.get("additionalProperties", True)
    if values is False:
        return
    # LLGuidance cannot bound the names or the number of `additionalProperties`, but it can for `patternProperties`.
    node["patternProperties"] = {f"^.{{1,{NAME_LENGTH}}}$": _anything(depth) if values is True else values}
    node["maxProperties"] = PROPERTIES
    node["additionalProperties"] = False


def _anything(depth: int) -> Node:
    """A schema for any value, with bounds."""
    value: Node = {}
    _bound(value, depth - 1, may_close=True)
    return value


def _bound_number(node: Node, kinds: list[str]) -> None:
    lower = node.get("minimum", node.get("exclusiveMinimum"))
    upper = node.get("maximum", node.get("exclusiveMaximum"))
    if lower is None and (upper is None or upper > -NUMBER):
        lower = node["minimum"] = -NUMBER
    if upper is None and lower is not None and lower < NUMBER:
        upper = node["maximum"] = NUMBER
    if "number" not in kinds or "multipleOf" in node or lower is None or upper is None:
        return
    if upper - max(lower, 0) < _NARROW:
        return
    if lower >= 0:
        node["multipleOf"] = DECIMALS
    elif "anyOf" not in node:
        _divide_at_zero(node, kinds)


def _divide_at_zero(node: Node, kinds: list[str]) -> None:
    """Replace a number's node by two options, so that the non-negative one has six decimals.

    LLGuidance limits decimals only through `multipleOf`, and it does not support negative multiples.
    """
    numeric = {name: node.pop(name) for name in _NUMERIC if name in node}
    lowest = {name: numeric[name] for name in ("minimum", "exclusiveMinimum") if name in numeric}
    highest = {name: numeric[name] for name in ("maximum", "exclusiveMaximum") if name in numeric}
    others = [kind for kind in kinds if kind not in ("number", "integer")]
    rest = {**node, "type": others}
    definitions: Node = {name: rest.pop(name) for name in ("$defs", "definitions") if name in rest}
    node.clear()
    node.update(definitions)
    node["anyOf"] = [
        *([rest] if others else []),
        {"type": "number", "minimum": 0, **highest, "multipleOf": DECIMALS},
        {"type": "number", **lowest, "exclusiveMaximum": 0},
    ]
