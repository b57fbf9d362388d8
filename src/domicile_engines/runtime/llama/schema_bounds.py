"""Ends for what a schema leaves endless, in answers and in the arguments of calls alike.

A small model seldom closes a string, a number, a list or an object by itself. It runs to the token limit, and the client gets
cut JSON. Every bound narrows the caller's schema, so an answer within them is one that the caller's schema allows.
"""

from typing import Any

from domicile_engines.runtime.llama.schema_reader import all_schemas

Node = dict[str, Any]

STRING_LENGTH = 200
"""Characters."""
ITEMS = 16
PROPERTIES = 16
"""Of an object whose schema names none."""
NAME_LENGTH = 40
"""Characters of a property's name that no schema names."""
NUMBER = 10**15
"""The largest amount. Every whole number up to it is exact in a double."""
DECIMALS = 0.000_001
# Below this, six decimals might leave no number in the range.
_NARROW = 0.001
_FREE_DEPTH = 2
"""Levels of lists and objects within a value that may be anything."""

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
        # An option beside `properties` is read together with them: closing either would shut out the other's.
        _bound(node, _FREE_DEPTH, may_close=id(node) not in merged)


def close(node: Node) -> None:
    """Allow only the properties that an object's schema names, unless it says otherwise."""
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
    # Last: it may divide the node.
    if "integer" in kinds or "number" in kinds:
        _bound_number(node, kinds)


def _bound_string(node: Node) -> None:
    if "maxLength" not in node and not _is_finite(node.get("pattern", "")):
        node["maxLength"] = max(STRING_LENGTH, node.get("minLength", 0))


def _is_finite(pattern: str) -> bool:
    """Whether a pattern surely matches no endless text. A caller's pattern is read by its letters, never by an expression."""
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
    # LLGuidance bounds neither the names nor the number of additional properties; those of a pattern it does.
    node["patternProperties"] = {f"^.{{1,{NAME_LENGTH}}}$": _anything(depth) if values is True else values}
    node["maxProperties"] = PROPERTIES
    node["additionalProperties"] = False


def _anything(depth: int) -> Node:
    """Any value, with ends."""
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
    """LLGuidance counts the decimals of multiples only, and knows no negative multiple: negative numbers stay by themselves."""
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
