"""A snapshot in memory."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile.boundary.retention import ProjectRetention, Retention
from domicile.boundary.snapshot import KeyRecord, OrganizationRecord, ProjectRecord, Shard, Tombstone
from domicile.data_plane.snapshot.table import CurrentSnapshot, SnapshotTable
from domicile.kernel import api_keys
from tests.platform.customers import KEY, customers_table, key_record_of, storage_record
from tests.unit.data_plane.region_parts import ORGANIZATION, PROJECT, Publisher, current_snapshot, new_key, shards_for


def test_a_table_holds_what_its_shards_hold() -> None:
    secret = new_key()
    table = current_snapshot(*shards_for(secret), epoch=3, number=7).table
    assert table is not None
    assert (table.epoch, table.number) == (3, 7)
    assert table.keys[api_keys.sha256(secret)].project_id == PROJECT
    assert table.projects[PROJECT].organization_id == ORGANIZATION
    assert table.organizations[ORGANIZATION].enterprise_agreement
    assert (dict(table.external_keys), dict(table.external_storages)) == ({}, {})
    assert dict(table.directory) == {"eu": "eu.example.com:8443", "us": "us.example.com"}


def test_customers_services_are_found_by_key_and_by_project() -> None:
    key, storage = key_record_of("arn:aws:kms:eu-west-3:123456789012:key/1"), storage_record("bucket")
    table = customers_table(key, storage)
    assert (dict(table.external_keys), dict(table.external_storages)) == ({KEY: key}, {PROJECT: storage})
    assert table.projects[PROJECT].external_key_id == KEY


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


def _contents(table: SnapshotTable) -> tuple[dict[Any, Any], ...]:
    parts = (
        table.keys,
        table.projects,
        table.organizations,
        table.tombstones,
        table.external_keys,
        table.external_storages,
    )
    return tuple(dict(part) for part in parts)


@given(st.data())
def test_a_replaced_table_is_what_a_new_one_would_be(data: st.DataObject) -> None:
    """Whatever shards come and go, of any content."""
    publisher = Publisher()
    places = st.dictionaries(st.integers(0, 3), st.integers(0, 3), max_size=4)
    made = {(index, version): _shard(index, version) for index in range(4) for version in range(4)}
    held = [made[place] for place in data.draw(places).items()]
    table = SnapshotTable.build(publisher.manifest(held), held)
    for number in range(2, 5):
        wanted = [made[place] for place in data.draw(places).items()]
        manifest = publisher.manifest(wanted, number=number)
        gone, new = [s for s in held if s not in wanted], [s for s in wanted if s not in held]
        table = table.replaced(manifest, gone, new)
        assert _contents(table) == _contents(SnapshotTable.build(manifest, wanted))
        assert table.number == number
        held = wanted


def _shard(index: int, version: int) -> Shard:
    organization, project = f"org-{index:024}", f"proj_{index:024}"
    keys = tuple(
        KeyRecord(f"key_{index:012}{each:012}", project, bytes([index, each]) * 16, None) for each in range(version + 1)
    )
    record = OrganizationRecord(organization, bool(version % 2), False, (), False, Retention.ZERO_DATA_RETENTION)
    stones = (Tombstone(f"proj_{index:023}x", version),) if version else ()
    external_keys = tuple(
        key_record_of(f"arn:aws:kms:eu-west-3:123456789012:key/{index}", f"extkey_{index:012}{each:012}", check=version)
        for each in range(version)
    )
    storages = (storage_record("bucket", project_id=project, check=version),) if version else ()
    projects = (ProjectRecord(project, organization, ProjectRetention.NONE),)
    return Shard("eu", index, (record,), projects, keys, stones, external_keys, storages)


def test_a_renewal_without_a_change_copies_nothing() -> None:
    shards = shards_for(new_key())
    publisher = Publisher()
    before = SnapshotTable.build(publisher.manifest(shards), shards)
    after = before.replaced(publisher.manifest(shards, number=2), [], [])
    assert (after.number, after.keys is before.keys, after.projects is before.projects) == (2, True, True)
