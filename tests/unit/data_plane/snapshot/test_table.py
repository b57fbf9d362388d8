"""A snapshot in memory."""

import pytest

from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.kernel import api_keys
from tests.unit.data_plane.region_parts import ORGANIZATION, PROJECT, current_snapshot, new_key, shards_for


def test_a_table_holds_what_its_shards_hold() -> None:
    secret = new_key()
    table = current_snapshot(*shards_for(secret), epoch=3, number=7).table
    assert table is not None
    assert (table.epoch, table.number) == (3, 7)
    assert table.keys[api_keys.sha256(secret)].project_id == PROJECT
    assert table.projects[PROJECT].organization_id == ORGANIZATION
    assert table.organizations[ORGANIZATION].enterprise_agreement
    assert dict(table.directory) == {"eu": "eu.example.com:8443", "us": "us.example.com"}


def test_nobody_can_change_a_table() -> None:
    table = current_snapshot(*shards_for(new_key())).table
    assert table is not None
    with pytest.raises(TypeError):
        table.keys[b""] = next(iter(table.keys.values()))  # type: ignore[index]
    with pytest.raises(AttributeError):
        table.number = 9  # type: ignore[misc]


def test_there_is_none_until_the_first_and_then_always_a_whole_one() -> None:
    current = CurrentSnapshot()
    assert current.table is None
    first, second = (current_snapshot(*shards_for(new_key()), number=number).table for number in (1, 2))
    assert first is not None
    assert second is not None
    current.swap(first)
    held = current.table
    current.swap(second)
    assert held is first
    assert current.table is second
