"""What a region of the previous version is told, and what it is not."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from domicile.boundary.entitlements import Entitlement
from domicile.boundary.outside_services import ExternalKeyRecord, ExternalStorageRecord
from domicile.boundary.permissions import KeyScope, ModelPermissions, PermissionMode
from domicile.boundary.rate_limits import ProjectRateLimit
from domicile.boundary.snapshot import Shard, Tombstone, digest, encode_shard
from domicile.boundary.snapshot_v2 import decode_shard_of_schema_2, encode_shard_of_schema_2
from domicile.boundary.spending import SpendingLimit
from tests.unit.data_plane.region_parts import (
    NOW_MS,
    ORGANIZATION,
    PROJECT,
    key_record,
    new_key,
    organization_record,
    project_record,
)

OTHER = "proj_" + "D" * 24
EXTERNAL_KEY = "extkey_" + "K" * 24
ARN = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
KEYS = (ExternalKeyRecord(EXTERNAL_KEY, ORGANIZATION, ARN, 1),)
STORAGES = (ExternalStorageRecord("extstore_" + "S" * 24, PROJECT, "their-bucket", "eu-central-1", "DE", 1),)
TWO = Shard(
    "eu",
    0,
    (),
    (project_record(), project_record(project_id=OTHER)),
    (key_record(new_key()), key_record(new_key(), key_id="key_" + "9" * 24, project_id=OTHER)),
)
OTHER_ALONE = replace(TWO, projects=TWO.projects[1:], keys=TWO.keys[1:])


def read(body: bytes | None) -> Shard:
    assert body is not None
    return decode_shard_of_schema_2(body)


def test_without_outside_services_both_schemas_are_the_same_bytes() -> None:
    for shard in (TWO, replace(TWO, tombstones=(Tombstone("proj_" + "E" * 24, NOW_MS),))):
        body = encode_shard_of_schema_2(shard)
        assert body is not None
        assert digest(body) == digest(encode_shard(shard))
        assert read(body) == shard


@pytest.mark.contract("C06")
def test_a_project_with_an_external_key_is_absent_with_its_keys() -> None:
    """An older region would wrap its key with the region's own."""
    named = replace(TWO, projects=(replace(TWO.projects[0], external_key_id=EXTERNAL_KEY), TWO.projects[1]))
    assert read(encode_shard_of_schema_2(named)) == OTHER_ALONE


@pytest.mark.contract("C06")
def test_a_project_with_an_external_storage_is_absent_with_its_keys() -> None:
    """An older region would keep its content in the region's own store."""
    assert read(encode_shard_of_schema_2(replace(TWO, external_storages=STORAGES))) == OTHER_ALONE


@pytest.mark.parametrize(
    "restriction",
    [{"models": ModelPermissions(PermissionMode.DENY_LIST, ("gpt-4-0613",))}, {"networks": ("10.0.0.0/8",)}],
)
def test_a_restricted_project_is_absent_with_its_keys(restriction: dict[str, Any]) -> None:
    """An older region would let it do what is forbidden."""
    restricted = replace(TWO, projects=(replace(TWO.projects[0], **restriction), TWO.projects[1]))
    assert read(encode_shard_of_schema_2(restricted)) == OTHER_ALONE


def test_a_restricted_key_is_absent() -> None:
    restricted = replace(TWO, keys=(replace(TWO.keys[0], scopes=(KeyScope.ALL_READ,)), TWO.keys[1]))
    assert read(encode_shard_of_schema_2(restricted)) == replace(TWO, keys=TWO.keys[1:])


def test_what_an_older_region_cannot_read_is_left_out() -> None:
    limit = SpendingLimit(limit=5, month=600, elsewhere=1)
    entitlement = Entitlement("ent_" + "1" * 24, ("gpt-4-0613",), 1, 1, 0, 1)
    rate_limit = ProjectRateLimit("gpt-4-0613", requests_per_minute=1)
    with_all = replace(TWO.projects[0], spending=limit, entitlements=(entitlement,), rate_limits=(rate_limit,))
    organization = organization_record(spending=limit)
    shard = replace(TWO, organizations=(organization,), projects=(with_all, TWO.projects[1]))
    assert read(encode_shard_of_schema_2(shard)) == replace(TWO, organizations=(replace(organization, spending=None),))


def test_a_shard_of_which_nothing_is_left_is_not_served() -> None:
    alone = replace(TWO, projects=TWO.projects[:1], keys=TWO.keys[:1])
    for shard in (
        Shard("eu", 0, (), (), (), external_keys=KEYS),
        replace(alone, external_storages=STORAGES),
        Shard("eu", 0, (), (), ()),
    ):
        assert encode_shard_of_schema_2(shard) is None


@pytest.mark.parametrize(
    "shard",
    [Shard("eu", 0, (), (), (), external_keys=KEYS), Shard("eu", 0, (), (), (), external_storages=STORAGES)],
    ids=["key", "storage"],
)
def test_records_of_outside_services_belong_to_schema_3(shard: Shard) -> None:
    assert msgspec.json.decode(encode_shard(shard), type=Shard) == shard
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        decode_shard_of_schema_2(encode_shard(shard))


def test_a_project_that_names_a_key_belongs_to_schema_3() -> None:
    named = replace(TWO, projects=(replace(TWO.projects[0], external_key_id=EXTERNAL_KEY),))
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        decode_shard_of_schema_2(encode_shard(named))
