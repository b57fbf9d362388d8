"""A verified snapshot in memory, for the request path. Immutable: a new snapshot is a new table."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from types import MappingProxyType

from domicile.boundary.snapshot import KeyRecord, Manifest, OrganizationRecord, ProjectRecord, Shard
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

    @classmethod
    def build(cls, manifest: Manifest, shards: Iterable[Shard]) -> "SnapshotTable":
        """Build a table from verified parts."""
        return cls._of(manifest, {}, {}, {}, {}, shards)

    def replaced(self, manifest: Manifest, gone: Collection[Shard], new: Collection[Shard]) -> "SnapshotTable":
        """The table of the next snapshot. `gone`: shards that it no longer names; `new`: shards that it adds.

        Without changed shards the new table shares all records with this one. Otherwise the indexes are copied and updated:
        1 ms for 100,000 keys, where a new build takes 300 ms.
        """
        if not gone and not new:
            return replace(
                self,
                epoch=manifest.epoch,
                number=manifest.number,
                issued_at_ms=manifest.issued_at_ms,
                directory=_directory(manifest),
            )
        keys, projects = self.keys.copy(), self.projects.copy()
        organizations, tombstones = self.organizations.copy(), self.tombstones.copy()
        for shard in gone:
            for key in shard.keys:
                keys.pop(key.sha256, None)
            for project in shard.projects:
                projects.pop(project.project_id, None)
            for record in shard.organizations:
                organizations.pop(record.organization_id, None)
            for stone in shard.tombstones:
                tombstones.pop(stone.project_id, None)
        return self._of(manifest, keys, projects, organizations, tombstones, new)

    @classmethod
    def _of(
        cls,
        manifest: Manifest,
        keys: dict[bytes, KeyRecord],
        projects: dict[str, ProjectRecord],
        organizations: dict[str, OrganizationRecord],
        tombstones: dict[str, int],
        shards: Iterable[Shard],
    ) -> "SnapshotTable":
        for shard in shards:
            keys.update((key.sha256, key) for key in shard.keys)
            projects.update((project.project_id, project) for project in shard.projects)
            organizations.update((record.organization_id, record) for record in shard.organizations)
            tombstones.update((stone.project_id, stone.destroyed_at_ms) for stone in shard.tombstones)
        return cls(
            manifest.epoch,
            manifest.number,
            manifest.issued_at_ms,
            MappingProxyType(keys),
            MappingProxyType(projects),
            MappingProxyType(organizations),
            _directory(manifest),
            MappingProxyType(tombstones),
        )


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
