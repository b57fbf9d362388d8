"""What the tests of a region are made of: ids, settings, snapshots as a control plane would sign them, a clock to set."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domicile.apps.region.foundation import Foundation
from domicile.apps.region.storage import MIGRATIONS, Storage
from domicile.boundary.publisher_key import PublisherCertificate, RootSuccession, SignedCertificate, SignedSuccession
from domicile.boundary.retention import ProjectRetention, Retention
from domicile.boundary.signing import (
    public_key_bytes,
    public_key_id,
    sign_certificate,
    sign_manifest,
    sign_succession,
)
from domicile.boundary.snapshot import (
    SNAPSHOT_SCHEMA,
    DirectoryEntry,
    KeyRecord,
    Manifest,
    OrganizationRecord,
    ProjectRecord,
    Shard,
    ShardReference,
    SignedManifest,
    digest,
    encode_shard,
    shard_index,
)
from domicile.catalogue.catalogue import Catalogue, load_catalogue
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.blocks import Blocks
from domicile.data_plane.clock import RegionClock
from domicile.data_plane.egress import EgressPolicy
from domicile.data_plane.identity import Enrollment
from domicile.data_plane.snapshot.table import CurrentSnapshot, SnapshotTable
from domicile.kernel import api_keys
from domicile.kernel.clock import Clock
from domicile.kernel.fair_turns import FairTurns
from domicile.kernel.geography import country_set
from domicile.persistence.database import Database, sqlite_url
from domicile.persistence.migration import migrate
from domicile.settings.engines import EngineSettings
from domicile.settings.installation import RegionSettings

T = TypeVar("T")

INSTALLATION = "inst_" + "I" * 24
ORGANIZATION = "org-" + "O" * 24
PROJECT = "proj_" + "P" * 24
KEY_ID = "key_" + "K" * 24
WRITER = "wr_" + "W" * 24
DIRECTORY = (DirectoryEntry("eu", "eu.example.com:8443"), DirectoryEntry("us", "us.example.com"))
NOW_MS = 1_800_000_000_000


# Tasks that nobody holds may be collected while they wait.
_waiting: set["asyncio.Task[None]"] = set()


class SetClock:
    """The time that a test says it is."""

    def __init__(self, now_ms: int = NOW_MS) -> None:
        self.ms = now_ms

    def now_ms(self) -> int:
        return self.ms


def region_settings(folder: Path, **members: Any) -> RegionSettings:
    values: dict[str, Any] = {
        "code": "eu",
        "residency": "EU_STORAGE_PROCESSING",
        "geography": "EU",
        "countries": ["EEA+CH"],
        "public_url": "https://eu.example.com/v1",
        "listen": {"port": 0},
        "data": folder,
        **members,
    }
    return RegionSettings.model_validate(values)


def engine_settings(name: str = "one", **members: Any) -> EngineSettings:
    """An engine that any other of the tests may stand in for."""
    values: dict[str, Any] = {
        "name": name,
        "label": f"label-{name}",
        "country": "DE",
        "operator": "the tests",
        "models": {"gpt-4o-2024-08-06": f"{name}-model"},
        "equivalence_group": "tests",
        **members,
    }
    if "url" not in values and "socket" not in values:
        values["socket"] = "/nowhere"
    return EngineSettings.model_validate(values)


def new_key(realm: str = "eu", installation: str = INSTALLATION) -> str:
    return api_keys.generate(realm, installation).value


def key_record(secret: str, **members: Any) -> KeyRecord:
    values: dict[str, Any] = {"key_id": KEY_ID, "project_id": PROJECT, "expires_at_ms": None, **members}
    return KeyRecord(sha256=api_keys.sha256(secret), **values)


def organization_record(**members: Any) -> OrganizationRecord:
    values: dict[str, Any] = {
        "organization_id": ORGANIZATION,
        "enterprise_agreement": True,
        "zdr_eligible": True,
        "zdr_endpoints": tuple(endpoint for endpoint in Endpoint if endpoint.is_zdr_applicable),
        "enhanced_zdr": False,
        "retention": Retention.MODIFIED_ABUSE_MONITORING,
        **members,
    }
    return OrganizationRecord(**values)


async def occupied(turns: FairTurns, count: int, *, project: str = "proj_other") -> None:
    """So many more requests of a project run there, or wait where no place is free."""
    for _ in range(count):
        if not turns.begin(project):
            _waiting.add(asyncio.create_task(turns.wait(project)))
            await asyncio.sleep(0)


def project_record(**members: Any) -> ProjectRecord:
    values: dict[str, Any] = {
        "project_id": PROJECT,
        "organization_id": ORGANIZATION,
        "retention": ProjectRetention.ZERO_DATA_RETENTION,
        **members,
    }
    return ProjectRecord(**values)


@dataclass
class Publisher:
    """A control plane's root key and signing key, and snapshots signed with it."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    root: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    serial: int = 1

    @property
    def enrollment(self) -> Enrollment:
        return Enrollment(INSTALLATION, public_key_bytes(self.root), self.serial)

    @property
    def key_id(self) -> str:
        return public_key_id(public_key_bytes(self.key))

    def certificate(self, **members: Any) -> SignedCertificate:
        public = public_key_bytes(self.key)
        values: dict[str, Any] = {
            "installation_id": INSTALLATION,
            "key_id": public_key_id(public),
            "public_key": public,
            "not_before_ms": NOW_MS - 1,
            "serial": self.serial,
            **members,
        }
        return sign_certificate(self.root, PublisherCertificate(**values))

    def rotated(self) -> "Publisher":
        """The same root with the next key."""
        return Publisher(root=self.root, serial=self.serial + 1)

    def succeeded(self) -> "Publisher":
        """The same key under the next root."""
        return Publisher(key=self.key, serial=self.serial + 2)

    def succession_to(self, after: "Publisher", **members: Any) -> SignedSuccession:
        """This root's word for the root of that one."""
        values: dict[str, Any] = {
            "installation_id": INSTALLATION,
            "before": public_key_id(public_key_bytes(self.root)),
            "public_key": public_key_bytes(after.root),
            "serial": self.serial + 1,
            **members,
        }
        return sign_succession(self.root, after.root, RootSuccession(**values))

    def manifest(self, shards: list[Shard], **members: Any) -> Manifest:
        values: dict[str, Any] = {
            "schema": SNAPSHOT_SCHEMA,
            "installation_id": INSTALLATION,
            "region": "eu",
            "epoch": 1,
            "number": 1,
            "issued_at_ms": NOW_MS,
            "key_id": self.key_id,
            "catalogue_version": "0123456789abcdef",
            "directory": DIRECTORY,
            "shards": tuple(ShardReference(shard.index, digest(encode_shard(shard))) for shard in shards),
            **members,
        }
        return Manifest(**values)

    def publish(self, shards: list[Shard], **members: Any) -> SignedManifest:
        return sign_manifest(self.key, self.manifest(shards, **members), self.certificate())


def shards_for(*secrets: str, region: str = "eu") -> list[Shard]:
    """One organization with one project and these keys, in the shards where a publisher puts them."""
    project_shard, organization_shard = shard_index(PROJECT), shard_index(ORGANIZATION)
    assert project_shard != organization_shard
    keys = tuple(key_record(secret, key_id=f"key_{number:024}") for number, secret in enumerate(secrets))
    return [
        Shard(region, project_shard, (), (project_record(),), keys),
        Shard(region, organization_shard, (organization_record(),), (), ()),
    ]


def bodies(shards: list[Shard]) -> dict[str, bytes]:
    return {digest(encode_shard(shard)): encode_shard(shard) for shard in shards}


def snapshot_table(*shards: Shard, **members: Any) -> SnapshotTable:
    return SnapshotTable.build(Publisher().manifest(list(shards), **members), shards)


def current_snapshot(*shards: Shard, **members: Any) -> CurrentSnapshot:
    current = CurrentSnapshot()
    current.swap(snapshot_table(*shards, **members))
    return current


def no_blocks() -> Blocks:
    """Nobody is shut out. Nothing lies behind it, so it is never to be asked to remember anything."""
    return Blocks(Database(sqlite_url(Path("/nowhere/region.db"))), SetClock())


_migrated: dict[str, bytes] = {}


async def _empty_database(folder: Path, name: str) -> bytes:
    """The file that the migrations make. They run once: for each test they would take most of its time."""
    if name not in _migrated:
        file = folder / f"migrated-{name}.db"
        await migrate(sqlite_url(file), MIGRATIONS / name)
        _migrated[name] = file.read_bytes()
    return _migrated[name]


@asynccontextmanager
async def database_in(folder: Path, name: str) -> AsyncIterator[Database]:
    """A region's database with its tables: the one that lies there, or a new one."""
    file = folder / f"{name}.db"
    if not file.exists():
        file.write_bytes(await _empty_database(folder, name))
    database = Database(sqlite_url(file))
    try:
        yield database
    finally:
        await database.close()


@cache
def shipped_catalogue() -> Catalogue:
    return load_catalogue()


async def foundation(
    settings: RegionSettings, stack: AsyncExitStack, *, clock: Clock | None = None, catalogue: Catalogue | None = None
) -> Foundation:
    """As the process lays it, with databases from `database_in`, the clock of the tests, and no snapshot yet."""
    folder = settings.data
    return Foundation(
        settings=settings,
        catalogue=catalogue or shipped_catalogue(),
        installation_id=INSTALLATION,
        clock=RegionClock(clock or SetClock()),
        egress=EgressPolicy(country_set(settings.countries)),
        storage=Storage(
            region=await stack.enter_async_context(database_in(folder, "region")),
            metering=await stack.enter_async_context(database_in(folder, "metering")),
        ),
        snapshots=CurrentSnapshot(),
    )


async def until(look: Callable[[], T], *, within_s: float = 30.0, what: str = "") -> T:
    """The first true thing that `look` returns, while everything else on this loop goes on. Fails after `within_s`."""
    deadline = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {within_s} s: {what or look}"
        await asyncio.sleep(0.005)
    return found
