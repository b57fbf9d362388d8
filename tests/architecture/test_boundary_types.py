"""All that crosses between the planes is ids, enums, integers, times and hashes; frozen; no free text (contract C07)."""

import enum
import importlib
import inspect
import pkgutil
import re
import types
from collections.abc import Iterator
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

from domicile import boundary
from domicile.catalogue import prices

MODULES = [
    *(importlib.import_module(f"{boundary.__name__}.{each.name}") for each in pkgutil.iter_modules(boundary.__path__)),
    prices,
]
"""All of the package: a new module cannot be forgotten here. And the prices, which a manifest holds."""

# What a person might want to smuggle: each text type that crosses must refuse it.
FREE_TEXT = ("The patient in room 4 asked", "Grüße aus Köln", "a b", "line\nbreak", "", '{"role":"user"}')


def crossing_types() -> list[type[msgspec.Struct]]:
    found = {
        item
        for module in MODULES
        for _, item in inspect.getmembers(module, inspect.isclass)
        if issubclass(item, msgspec.Struct) and item.__module__.startswith(("domicile.boundary", prices.__name__))
    }
    return sorted(found, key=lambda item: item.__name__)


def leaves(hint: Any) -> Iterator[tuple[Any, list[msgspec.Meta]]]:
    """The scalar types inside a field's type, with what is said about each."""
    if get_origin(hint) in {tuple, types.UnionType, Union}:
        for part in get_args(hint):
            if part not in {Ellipsis, types.NoneType}:
                yield from leaves(part)
    elif hasattr(hint, "__metadata__"):
        yield hint.__origin__, [meta for meta in hint.__metadata__ if isinstance(meta, msgspec.Meta)]
    else:
        yield hint, []


def test_the_walk_sees_the_types_that_matter() -> None:
    names = {item.__name__ for item in crossing_types()}
    assert {"Manifest", "Shard", "KeyRecord", "UsageReport", "UsageDelta", "AuditReport", "EnrollmentRequest"} <= names
    assert {"Tombstone", "ShardOfSchema2", "PublisherCertificate", "SignedCertificate", "SignedSuccession"} <= names
    assert {"ModelPrice", "ImagePrice"} <= names


@pytest.mark.contract("C07")
@pytest.mark.parametrize("item", crossing_types(), ids=lambda item: item.__name__)
def test_a_type_that_crosses_is_closed_and_its_fields_hold_no_free_text(item: type[msgspec.Struct]) -> None:
    config = item.__struct_config__
    assert config.frozen, "what crosses is never changed on the way"
    assert config.forbid_unknown_fields, "what is not enumerated does not cross"
    for name, hint in get_type_hints(item, include_extras=True).items():
        for scalar, metas in leaves(hint):
            assert_enumerable(f"{item.__name__}.{name}", scalar, metas)


def assert_enumerable(field: str, scalar: Any, metas: list[msgspec.Meta]) -> None:
    if inspect.isclass(scalar) and issubclass(scalar, (enum.Enum, msgspec.Struct)):
        return
    if scalar is bool:
        return
    if scalar is int:
        assert field == "Manifest.schema" or any(meta.ge is not None for meta in metas), (
            f"{field}: an unbounded integer"
        )
        return
    if scalar is bytes:
        # The manifest's own bytes are the exception: their signature is checked before they are read as a Manifest.
        fixed = any(meta.min_length is not None and meta.min_length == meta.max_length for meta in metas)
        assert fixed or field == "SignedManifest.manifest", f"{field}: bytes of any length"
        return
    assert scalar is str, f"{field}: {scalar} is no type that may cross"
    patterns = [meta.pattern for meta in metas if meta.pattern is not None]
    assert patterns, f"{field}: free text"
    for pattern in patterns:
        assert pattern.startswith("^"), f"{field}: the pattern is not anchored"
        for text in FREE_TEXT:
            assert re.search(pattern, text) is None, f"{field}: {text!r} passes as {pattern}"


def test_the_walk_catches_free_text_and_loose_types() -> None:
    class Loose(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        note: str

    with pytest.raises(AssertionError, match="free text"):
        test_a_type_that_crosses_is_closed_and_its_fields_hold_no_free_text(Loose)

    class Open(msgspec.Struct, frozen=True):
        count: int

    with pytest.raises(AssertionError, match="enumerated"):
        test_a_type_that_crosses_is_closed_and_its_fields_hold_no_free_text(Open)

    class Anything(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        extra: dict[str, Any]

    with pytest.raises(AssertionError, match="no type that may cross"):
        test_a_type_that_crosses_is_closed_and_its_fields_hold_no_free_text(Anything)


def test_patterns_do_not_let_a_trailing_line_break_pass() -> None:
    """`$` in Python also matches before a final line break; msgspec searches, so the pattern alone decides."""
    for item in crossing_types():
        for name, hint in get_type_hints(item, include_extras=True).items():
            for scalar, metas in leaves(hint):
                for meta in metas:
                    if scalar is str and meta.pattern:
                        assert not meta.pattern.endswith("$"), f"{item.__name__}.{name}: end the pattern with \\Z"
