"""Snapshots and usage: equal content is equal bytes, keys lie with their project, and sums lose nothing."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile.boundary.retention import ProjectRetention, Retention
from domicile.boundary.snapshot import (
    SHARD_COUNT,
    KeyRecord,
    OrganizationRecord,
    ProjectRecord,
    Shard,
    digest,
    encode_shard,
    shard_index,
)
from domicile.boundary.usage import ImageSize, ServiceTier, Usage, UsageDelta
from domicile.catalogue.endpoints import Endpoint

PROJECT = "proj_" + "a" * 24
ORGANIZATION = "org-" + "a" * 24


def shard(**changes: object) -> Shard:
    values: dict[str, object] = {
        "region": "eu",
        "index": shard_index(PROJECT),
        "organizations": (
            OrganizationRecord(
                ORGANIZATION, True, True, (Endpoint.CHAT_COMPLETIONS,), False, Retention.ZERO_DATA_RETENTION
            ),
        ),
        "projects": (ProjectRecord(PROJECT, ORGANIZATION, ProjectRetention.ORGANIZATION_DEFAULT),),
        "keys": (KeyRecord("key_" + "a" * 24, PROJECT, bytes(32), None),),
    }
    return Shard(**{**values, **changes})  # type: ignore[arg-type]


def test_a_shard_is_named_by_its_bytes() -> None:
    assert encode_shard(shard()) == encode_shard(shard())
    assert digest(encode_shard(shard())) != digest(encode_shard(shard(keys=())))
    assert msgspec.json.decode(encode_shard(shard()), type=Shard) == shard()


@given(st.text())
def test_every_id_falls_into_one_shard(identifier: str) -> None:
    assert 0 <= shard_index(identifier) < SHARD_COUNT
    assert shard_index(identifier) == shard_index(identifier)


def test_ids_spread_over_the_shards() -> None:
    assert {shard_index(f"proj_{number:024d}") for number in range(5000)} == set(range(SHARD_COUNT))


@pytest.mark.contract("C07")
@pytest.mark.parametrize(
    "damage",
    [
        lambda value: value["keys"][0].update(key_id="a name that somebody chose"),
        lambda value: value["keys"][0].update(sha256="AAAA"),
        lambda value: value["keys"][0].update(prompt="text"),
        lambda value: value["projects"][0].update(project_id=PROJECT + "\n"),
        lambda value: value["organizations"][0].update(name="ACME"),
        lambda value: value["organizations"][0].update(zdr_endpoints=["/v1/unknown"]),
        lambda value: value.update(region="EU"),
        lambda value: value.update(index=SHARD_COUNT),
    ],
)
def test_nothing_but_the_closed_types_crosses(damage: object) -> None:
    value = msgspec.json.decode(encode_shard(shard()))
    damage(value)  # type: ignore[operator]
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(value), type=Shard)


_COUNTS = st.builds(Usage, *[st.integers(0, 10**12)] * len(Usage.__struct_fields__))


@given(_COUNTS, _COUNTS)
def test_usage_adds_every_quantity(one: Usage, other: Usage) -> None:
    """Every field, so that a new one cannot be forgotten in the sum."""
    total = one + other
    for name in Usage.__struct_fields__:
        assert getattr(total, name) == getattr(one, name) + getattr(other, name)


def test_usage_without_a_quantity_is_as_it_was_before_that_was_counted() -> None:
    """A region of before reports no images, and is read; what it counted, a region of today reports as it did."""
    before = (
        f'{{"minute":1,"organization_id":"{ORGANIZATION}","project_id":"{PROJECT}","key_id":"key_{"a" * 24}",'
        '"model":"gpt-4o-2024-08-06","fine_tuned_model":null,"endpoint":"/v1/chat/completions","tier":"default",'
        '"batch":false,"requests":1,"usage":{"input_tokens":10,"input_cached_tokens":4,"output_tokens":5,'
        '"output_reasoning_tokens":2}}'
    ).encode()
    delta = msgspec.json.decode(before, type=UsageDelta)
    assert (delta.usage, delta.image_size, delta.tier) == (Usage(10, 4, 5, 2), None, ServiceTier.DEFAULT)
    assert msgspec.json.encode(delta) == before
    sized = msgspec.structs.replace(delta, usage=Usage(images=2), image_size=ImageSize.SQUARE_1024)
    assert msgspec.json.decode(msgspec.json.encode(sized), type=UsageDelta) == sized
