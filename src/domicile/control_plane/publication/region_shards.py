"""A region's encoded shards in memory: read in full once, and then only where records have changed.

Reading 100,000 keys takes a second. So a change names the ids that it touches, and only their shards are read again. A renewal
reads the shards in which a key has expired or a project's grace period is over. It also reads one more shard, in turn: if a
change ever failed to name an id, its shard would be right again within about ten minutes. Each reading also compares the
spending limits: what was spent in other regions changes a shard at the next renewal, and not with each report.
"""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass

from domicile.boundary.snapshot import (
    SHARD_COUNT,
    SNAPSHOT_SCHEMA,
    Shard,
    ShardReference,
    digest,
    encode_shard,
    shard_index,
)
from domicile.boundary.snapshot_v2 import SCHEMA_2, encode_shard_of_schema_2
from domicile.control_plane.database.transactions import Platform, Reader
from domicile.control_plane.publication.budgets import Budgets, read_budgets
from domicile.control_plane.publication.shards import Members, read_destroyed, read_members, read_shard

REREAD_EVERY_S = 9.0
"""Seconds between two readings of one more shard, in turn, that no change has touched."""


@dataclass(frozen=True, slots=True)
class _Encoded:
    """One shard, encoded for each schema that is served. A schema in which it is empty is absent."""

    references: dict[int, ShardReference]
    bodies: dict[str, bytes]
    expires_at_ms: int | None
    """When the first of its keys expires; None when no key expires."""


class RegionShards:
    """The shards of one region. After a commit call `touch`, then `refresh`; one `refresh` at a time."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._members: Members = {}
        self._touched: set[str] = set()
        self._destroyed: frozenset[str] = frozenset()
        self._budgets = Budgets()
        self._encoded: dict[int, _Encoded] = {}
        self._is_whole = False
        self._reread_index = 0
        self._reread_at = time.monotonic()

    def touch(self, ids: Iterable[str]) -> None:
        """Marks projects and organizations, by id, whose records or whose keys' records have changed."""
        self._touched.update(ids)

    async def refresh(self, reader: Reader, now_ms: int) -> None:
        """Reads again the shards that may have changed. Raises the database's errors; the shards then stay as they were."""
        # Taken before the database view begins: an id touched later may be missing in the view, so it waits for the next one.
        touched, self._touched = self._touched, set()
        try:
            async with reader.reading(Platform()) as reading:
                destroyed = await read_destroyed(reading, self._region, now_ms)
                budgets = await read_budgets(reading, self._region, now_ms)
                if not self._is_whole:
                    self._members = await read_members(reading, self._region, now_ms)
                fresh = {}
                changed = budgets.changed_since(self._budgets)
                for index in self._stale(touched | changed | (destroyed ^ self._destroyed), now_ms):
                    members = self._members.get(index, ())
                    shard = await read_shard(reading, self._region, index, members, now_ms, budgets)
                    # In a thread: a large shard takes milliseconds.
                    fresh[index] = await asyncio.to_thread(_encode, shard, budgets.exhausted)
        except BaseException:
            self._touched |= touched
            raise
        self._encoded.update(fresh)
        self._destroyed, self._budgets, self._is_whole = destroyed, budgets, True

    def references(self, schema: int) -> tuple[ShardReference, ...]:
        """The shards for a manifest of this schema, in the order of their index."""
        found = (self._encoded[index].references.get(schema) for index in sorted(self._encoded))
        return tuple(reference for reference in found if reference is not None)

    def bodies(self) -> dict[str, bytes]:
        """The bytes of every shard in every schema, by their SHA-256 in hex."""
        return {name: body for encoded in self._encoded.values() for name, body in encoded.bodies.items()}

    def _stale(self, touched: set[str], now_ms: int) -> set[int]:
        """The indexes of the shards to read."""
        stale = set() if self._is_whole else set(self._members)
        for identifier in touched:
            index = shard_index(identifier)
            self._members.setdefault(index, set()).add(identifier)
            stale.add(index)
        for index, encoded in self._encoded.items():
            if encoded.expires_at_ms is not None and encoded.expires_at_ms <= now_ms:
                stale.add(index)
        if time.monotonic() - self._reread_at >= REREAD_EVERY_S:
            self._reread_at = time.monotonic()
            self._reread_index = (self._reread_index + 1) % SHARD_COUNT
            stale.add(self._reread_index)
        return stale


def _encode(shard: Shard, exhausted: frozenset[str]) -> _Encoded:
    references, bodies = {}, {}
    whole = None if shard == Shard(shard.region, shard.index, (), (), ()) else encode_shard(shard)
    for schema, body in ((SCHEMA_2, encode_shard_of_schema_2(shard, exhausted)), (SNAPSHOT_SCHEMA, whole)):
        if body is not None:
            name = digest(body)
            references[schema] = ShardReference(shard.index, name)
            bodies[name] = body
    expiries = [key.expires_at_ms for key in shard.keys if key.expires_at_ms is not None]
    return _Encoded(references, bodies, min(expiries, default=None))
