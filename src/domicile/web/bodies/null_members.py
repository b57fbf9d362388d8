"""Removes nulls that mean absence but do not fit the closed type (decision 0021).

Most optional members accept null by their type. Two kinds do not: a member whose default is a value, and a member of another
object of the same union. For example, clients with one class for all messages send `"tool_calls": null` in a user message. A
null in an unknown member stays, and is an error.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from msgspec import inspect


@dataclass(frozen=True, slots=True)
class _Object:
    nulls: frozenset[str]
    """The members whose null is removed."""
    members: Mapping[str, "_Shape"]


@dataclass(frozen=True, slots=True)
class _Shape:
    """Where a value holds objects: the value itself, one of several types by its tag, or the items of a list."""

    tag_field: str | None
    objects: Mapping[str | None, _Object]
    item: "_Shape | None"


def take_out_nulls(value: Any, type_: Any) -> bool:
    """Remove such nulls from parsed JSON for a `type_`. Returns whether there were any."""
    shape = _shape_of(type_)
    return shape is not None and _take_out(shape, value)


@cache
def _shape_of(type_: Any) -> _Shape | None:
    return _shape(inspect.type_info(type_))


def _shape(info: inspect.Type) -> _Shape | None:
    kinds = info.types if isinstance(info, inspect.UnionType) else (info,)
    structs = [kind for kind in kinds if isinstance(kind, inspect.StructType)]
    lists = [kind for kind in kinds if isinstance(kind, inspect.ListType)]
    item = _shape(lists[0].item_type) if lists else None
    if not structs and item is None:
        return None
    names = frozenset(field.encode_name for struct in structs for field in struct.fields)
    tag_field = structs[0].tag_field if structs else None
    return _Shape(tag_field, {_tag(struct): _object(struct, names) for struct in structs}, item)


def _object(struct: inspect.StructType, names_of_union: frozenset[str]) -> _Object:
    own = {field.encode_name: field for field in struct.fields}
    stubborn = {name for name, field in own.items() if not (field.required or _takes_null(field.type))}
    below = {name: _shape(field.type) for name, field in own.items()}
    return _Object(
        (names_of_union - own.keys()) | stubborn,
        {name: shape for name, shape in below.items() if shape is not None},
    )


def _tag(struct: inspect.StructType) -> str | None:
    return None if struct.tag is None else str(struct.tag)


def _takes_null(info: inspect.Type) -> bool:
    kinds = info.types if isinstance(info, inspect.UnionType) else (info,)
    return any(isinstance(kind, inspect.NoneType | inspect.AnyType) for kind in kinds)


def _take_out(shape: _Shape, value: Any) -> bool:
    if isinstance(value, list):
        found = [] if shape.item is None else [_take_out(shape.item, each) for each in value]
        return any(found)
    if not isinstance(value, dict):
        return False
    tag = None if shape.tag_field is None else value.get(shape.tag_field)
    known = shape.objects.get(tag) if tag is None or isinstance(tag, str) else None
    if known is None:
        return False
    nulls = [name for name in known.nulls if name in value and value[name] is None]
    for name in nulls:
        del value[name]
    below = [_take_out(each, value[name]) for name, each in known.members.items() if name in value]
    return bool(nulls) or any(below)
