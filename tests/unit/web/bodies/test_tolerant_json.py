"""Members of a closed list are taken out of a body that its type does not know whole; all else stays an error."""

import json
from typing import Any

import pytest
from msgspec import Struct

from domicile.kernel.errors import DomicileError
from domicile.web.bodies.dropped_members import DroppedMembers
from domicile.web.bodies.json_body import MAX_DEPTH
from domicile.web.bodies.tolerant_json import Decoded, decode_dropping


class Call(Struct, forbid_unknown_fields=True):
    """An object in a list."""

    id: str


class Told(Struct, forbid_unknown_fields=True, tag_field="role", tag="told"):
    """One of two."""

    calls: list[Call] | None = None
    name: str | None = None


class Asked(Struct, forbid_unknown_fields=True, tag_field="role", tag="asked"):
    """The other."""

    text: str


class Body(Struct, forbid_unknown_fields=True):
    """A body."""

    messages: list[Told | Asked]
    size: int = 3


DROPPED = DroppedMembers(["top", "messages[].note", "messages[role=asked].name", "messages[role=told].calls[].index"])


def read(value: Any) -> Decoded[Body]:
    return decode_dropping(json.dumps(value).encode(), Body, DROPPED)


def refused(value: Any) -> str | None:
    with pytest.raises(DomicileError) as caught:
        read(value)
    return caught.value.param


def test_what_needs_nothing_is_read_as_it_is() -> None:
    value = {"messages": [{"role": "told", "name": "x"}, {"role": "asked", "text": "y"}]}
    assert read(value) == Decoded(Body([Told(name="x"), Asked("y")]), frozenset())


def test_dropped_members_are_named_once_by_their_paths() -> None:
    call = {"id": "1", "index": 0}
    told = {"role": "told", "name": "kept", "calls": [call, call], "note": 1}
    decoded = read({"top": {"a": [1]}, "messages": [told, told, {"role": "asked", "text": "y", "name": "gone"}]})
    assert decoded.value == Body([*[Told([Call("1"), Call("1")], "kept")] * 2, Asked("y")])
    assert decoded.dropped == {"top", "messages[].note", "messages[].name", "messages[].calls[].index"}


def test_a_dropped_null_is_not_worth_naming() -> None:
    messages = [{"role": "asked", "text": "y", "name": None}, {"role": "asked", "text": "z", "name": "x"}]
    assert read({"messages": messages}).dropped == {"messages[].name"}
    assert read({"messages": messages[:1], "top": None}).dropped == set()


def test_a_null_of_another_kind_and_one_for_a_default_are_absence() -> None:
    decoded = read({"messages": [{"role": "asked", "text": "y", "calls": None}], "size": None})
    assert decoded == Decoded(Body([Asked("y")], 3), frozenset())


@pytest.mark.parametrize(
    ("value", "param"),
    [
        ({"messages": [], "made_up": 1}, "made_up"),
        ({"messages": [], "top": 1, "made_up": 1}, "made_up"),
        ({"messages": [{"role": "told", "index": 1}]}, "messages[0].index"),
        ({"messages": [{"role": "asked", "text": "x", "calls": []}]}, "messages[0].calls"),
        ({"messages": [{"role": "told", "note": 1, "calls": [{"id": 1, "index": 2}]}]}, "messages[0].calls[0].id"),
        ({"messages": [{"role": ["told"], "note": 1}]}, "messages[0].role"),
        ({"messages": {"note": 1}}, "messages"),
        ({"messages": ["note", None, [{"note": 1}]]}, "messages[0]"),
        ({"messages": [], "size": "x", "top": 1}, "size"),
    ],
)
def test_every_other_mistake_is_named(value: Any, param: str) -> None:
    assert refused(value) == param


@pytest.mark.parametrize("value", [None, [], "x", 3])
def test_a_body_that_is_no_object_is_refused(value: Any) -> None:
    assert refused(value) is None


@pytest.mark.parametrize(
    "dropped",
    ["[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "[" + ",".join("1" * 101) + "]", "NaN", '{"a":1,"a":2}', "1e999"],
)
def test_what_is_dropped_counts_for_every_limit(dropped: str) -> None:
    with pytest.raises(DomicileError) as caught:
        decode_dropping(f'{{"messages":[],"top":{dropped}}}'.encode(), Body, DROPPED, max_values=100)
    assert caught.value.code == "invalid_json"


@pytest.mark.parametrize("path", ["", "a.", "a[0]", "a[].b[]", "a[b].c", "A", "a b", "a[b=].c"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"is no step of a path|ends in a list"):
        DroppedMembers([path])
