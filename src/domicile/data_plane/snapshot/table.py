"""A verified snapshot in memory, for the request path. Immutable: a new snapshot is a new table."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from domicile.boundary.entitlements import Entitlement
from domicile.boundary.outside_services import ExternalKeyRecord, ExternalStorageRecord
from domicile.boundary.snapshot import KeyRecord, Manifest, OrganizationRecord, ProjectRecord, Shard
from domicile.catalogue.prices import PriceList
from domicile.kernel.clock import Clock


@dataclass(frozen=True, slots=True)
class SnapshotTable:
    """The indexed records of one snapshot. A key or project that is absent is disabled."""

    epoch: int
    number: int
    issued_at_ms: int
    keys: MappingProxyType[bytes, KeyRecord]
    projects: MappingProxyType[str, ProjectRecord]
    organizations: MappingProxyType[str, OrganizationRecord]
    directory: MappingProxyType[str, str]
    tombstones: MappingProxyType[str, int]
    """Destroyed projects with the time in ms."""
    external_keys: MappingProxyType[str, ExternalKeyRecord]
    """Keys of organizations' own, by their id."""
    external_storages: MappingProxyType[str, ExternalStorageRecord]
    """Buckets of customers' own, by their project."""
    prices: PriceList
    """The control plane's. Empty from one that reads schema 2 only, and so knows no spending limit."""
    entitlements: MappingProxyType[str, tuple[Entitlement, ...]]
    """Those of the projects that have any, also such as are not in force."""
    replicas: int = 0
    """The processes of the region that were in contact with the control plane. 0: not known."""

    @classmethod
    def build(cls, manifest: Manifest, shards: Iterable[Shard]) -> "SnapshotTable":
        """Build a table from verified parts."""
        return cls._of(manifest, _Indexes(), shards, PriceList(manifest.prices))

    def replaced(self, manifest: Manifest, gone: Collection[Shard], new: Collection[Shard]) -> "SnapshotTable":
        """The table of the next snapshot. `gone`: shards that it no longer names; `new`: shards that it adds.

        Without changed shards the new table shares all records with this one. Otherwise the indexes are copied and updated:
        1 ms for 100,000 keys, where a new build takes 300 ms.
        """
        prices = self.prices if manifest.prices == self.prices.prices else PriceList(manifest.prices)
        if not gone and not new:
            return replace(
                self,
                epoch=manifest.epoch,
                number=manifest.number,
                issued_at_ms=manifest.issued_at_ms,
                directory=_directory(manifest),
                prices=prices,
                replicas=manifest.replicas,
            )
        indexes = _Indexes(
            self.keys.copy(),
            self.projects.copy(),
            self.organizations.copy(),
            self.tombstones.copy(),
            self.external_keys.copy(),
            self.external_storages.copy(),
            self.entitlements.copy(),
        )
        for shard in gone:
            indexes.remove(shard)
        return self._of(manifest, indexes, new, prices)

    @classmethod
    def _of(
        cls, manifest: Manifest, indexes: "_Indexes", shards: Iterable[Shard], prices: PriceList
    ) -> "SnapshotTable":
        for shard in shards:
            indexes.add(shard)
        return cls(
            manifest.epoch,
            manifest.number,
            manifest.issued_at_ms,
            MappingProxyType(indexes.keys),
            MappingProxyType(indexes.projects),
            MappingProxyType(indexes.organizations),
            _directory(manifest),
            MappingProxyType(indexes.tombstones),
            MappingProxyType(indexes.external_keys),
            MappingProxyType(indexes.external_storages),
            prices,
            MappingProxyType(indexes.entitlements),
            manifest.replicas,
        )


@dataclass(slots=True)
class _Indexes:
    """The records of a table that is being built."""

    keys: dict[bytes, KeyRecord] = field(default_factory=dict)
    projects: dict[str, ProjectRecord] = field(default_factory=dict)
    organizations: dict[str, OrganizationRecord] = field(default_factory=dict)
    tombstones: dict[str, int] = field(default_factory=dict)
    external_keys: dict[str, ExternalKeyRecord] = field(default_factory=dict)
    external_storages: dict[str, ExternalStorageRecord] = field(default_factory=dict)
    entitlements: dict[str, tuple[Entitlement, ...]] = field(default_factory=dict)

    def add(self, shard: Shard) -> None:
        self.keys.update((key.sha256, key) for key in shard.keys)
        self.projects.update((project.project_id, project) for project in shard.projects)
        self.organizations.update((record.organization_id, record) for record in shard.organizations)
        self.tombstones.update((stone.project_id, stone.destroyed_at_ms) for stone in shard.tombstones)
        self.external_keys.update((key.external_key_id, key) for key in shard.external_keys)
        self.external_storages.update((storage.project_id, storage) for storage in shard.external_storages)
        self.entitlements.update((each.project_id, each.entitlements) for each in shard.projects if each.entitlements)

    def remove(self, shard: Shard) -> None:
        for key in shard.keys:
            self.keys.pop(key.sha256, None)
        for project in shard.projects:
            self.projects.pop(project.project_id, None)
            self.entitlements.pop(project.project_id, None)
        for record in shard.organizations:
            self.organizations.pop(record.organization_id, None)
        for stone in shard.tombstones:
            self.tombstones.pop(stone.project_id, None)
        for external_key in shard.external_keys:
            self.external_keys.pop(external_key.external_key_id, None)
        for storage in shard.external_storages:
            self.external_storages.pop(storage.project_id, None)


def _directory(manifest: Manifest) -> MappingProxyType[str, str]:
    return MappingProxyType({entry.region: entry.host for entry in manifest.directory})


class CurrentSnapshot:
    """Holds the table in force. One assignment replaces it, so a request sees either the old table or the new one."""

    def __init__(self) -> None:
        self._table: SnapshotTable | None = None

    @property
    def table(self) -> SnapshotTable | None:
        """The table in force. None until the first snapshot is verified; until then no key is accepted."""
        return self._table

    @property
    def version(self) -> tuple[int, int]:
        """(epoch, number) of the table in force; (0, 0) without one."""
        return (0, 0) if self._table is None else (self._table.epoch, self._table.number)

    def age_ms(self, clock: Clock) -> int | None:
        """Time since the control plane signed it. Above about 10 s there is no contact. None without a snapshot."""
        return None if self._table is None else max(0, clock.now_ms() - self._table.issued_at_ms)

    def swap(self, table: SnapshotTable) -> None:
        """Put `table` into force for later requests."""
        self._table = table
