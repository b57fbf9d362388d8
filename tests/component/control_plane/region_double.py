"""A region as the control plane sees one: it enrolls, signs, polls and reports, and keeps what it was told."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType

import aiohttp
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domicile.boundary import protocol, signing
from domicile.boundary.audit import AuditReport, RegionEvent, RegionEventType, ServiceCheck
from domicile.boundary.enrollment import EnrollmentRequest, EnrollmentToken, decode_token
from domicile.boundary.outside_services import CheckOutcome, ExternalKeyRecord, ExternalStorageRecord
from domicile.boundary.snapshot import (
    READABLE_SCHEMAS,
    KeyRecord,
    Manifest,
    OrganizationRecord,
    ProjectRecord,
    Shard,
    SignedManifest,
    SnapshotQuery,
    digest,
)
from domicile.kernel.geography import country_set
from domicile.kernel.ids import new_id

NOTHING_HELD = SnapshotQuery(0, 0, READABLE_SCHEMAS)


@dataclass
class Answer:
    """What came back."""

    status: int
    body: bytes

    @property
    def code(self) -> str:
        """The error's code."""
        return str(msgspec.json.decode(self.body)["error"]["code"])

    @property
    def message(self) -> str:
        """The error's text."""
        return str(msgspec.json.decode(self.body)["error"]["message"])


@dataclass
class Held:
    """A snapshot with its shards."""

    manifest: Manifest
    shards: list[Shard] = field(default_factory=list)

    @property
    def query(self) -> SnapshotQuery:
        """What the next poll says."""
        return SnapshotQuery(self.manifest.epoch, self.manifest.number, READABLE_SCHEMAS)

    @property
    def organizations(self) -> dict[str, OrganizationRecord]:
        """By id."""
        return {record.organization_id: record for shard in self.shards for record in shard.organizations}

    @property
    def projects(self) -> dict[str, ProjectRecord]:
        """By id."""
        return {record.project_id: record for shard in self.shards for record in shard.projects}

    @property
    def keys(self) -> dict[str, KeyRecord]:
        """By id."""
        return {record.key_id: record for shard in self.shards for record in shard.keys}

    @property
    def external_keys(self) -> dict[str, ExternalKeyRecord]:
        """By id."""
        return {record.external_key_id: record for shard in self.shards for record in shard.external_keys}

    @property
    def external_storages(self) -> dict[str, ExternalStorageRecord]:
        """By id."""
        return {record.external_storage_id: record for shard in self.shards for record in shard.external_storages}

    @property
    def checks(self) -> dict[str, int]:
        """By the id of an external key or storage, the number of the check that is asked for."""
        services: dict[str, ExternalKeyRecord | ExternalStorageRecord] = {
            **self.external_keys,
            **self.external_storages,
        }
        return {service_id: record.check for service_id, record in services.items()}


class RegionDouble:
    """One replica of one region. Several may share `key`."""

    def __init__(self, code: str, url: str, *, key: Ed25519PrivateKey | None = None) -> None:
        self.code = code
        self.key = key or Ed25519PrivateKey.generate()
        self.replica = new_id("rep_")
        self.token: EnrollmentToken | None = None
        self.ahead_ms = 0
        """Of the machine's clock: a test that sets the control plane's forward sets this too."""
        self._url = url
        self._session = aiohttp.ClientSession()

    async def __aenter__(self) -> "RegionDouble":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def enroll(
        self,
        token: str,
        *,
        code: str | None = None,
        residency: str | None = None,
        countries: tuple[str, ...] | None = None,
    ) -> Answer:
        """Shows the token's secret and says what this region is."""
        self.token = decode_token(token)
        request = EnrollmentRequest(
            region=code or self.code,
            secret=self.token.secret,
            public_key=signing.public_key_bytes(self.key),
            residency=residency or f"{self.code.upper()}_STORAGE_PROCESSING",
            countries=countries or default_countries(self.code),
        )
        return await self.send("POST", protocol.ENROLL, msgspec.json.encode(request), headers={})

    async def call(self, method: str, path: str, body: bytes = b"", *, as_region: str | None = None) -> Answer:
        """A signed call."""
        return await self.send(method, path, body, headers=self.signature(method, path, body, as_region=as_region))

    def signature(
        self, method: str, path: str, body: bytes, *, as_region: str | None = None, at_ms: int | None = None
    ) -> dict[str, str]:
        """The headers of a call."""
        return signing.request_headers(
            self.key,
            region=as_region or self.code,
            replica=self.replica,
            method=method,
            target=path,
            timestamp_ms=at_ms or time.time_ns() // 1_000_000 + self.ahead_ms,
            body=body,
        )

    async def send(self, method: str, path: str, body: bytes, *, headers: dict[str, str]) -> Answer:
        """Any call, with these headers and no others of ours."""
        headers = {**headers, "content-type": "application/json"}
        async with self._session.request(method, self._url + path, data=body, headers=headers) as response:
            return Answer(response.status, await response.read())

    async def poll(self, held: SnapshotQuery = NOTHING_HELD) -> Held | None:
        """A verified snapshot that is newer than `held`, or None."""
        answer = await self.call("POST", protocol.SNAPSHOT, msgspec.json.encode(held))
        if answer.status == 204:
            return None
        assert answer.status == 200, answer
        assert self.token is not None
        signed = msgspec.json.decode(answer.body, type=SignedManifest)
        assert signed.certificate is not None
        certificate = signing.open_certificate(self.token.root_key, signed.certificate)
        manifest = signing.open_manifest(certificate.public_key, signed)
        return Held(manifest, [await self._shard(reference.sha256) for reference in manifest.shards])

    async def current(self) -> Held:
        """The snapshot as it is now."""
        held = await self.poll()
        assert held is not None
        return held

    async def report(self, *events: RegionEvent) -> Answer:
        """Reports what has happened."""
        report = AuditReport(self.code, new_id("wr_"), 1, events)
        return await self.call("POST", protocol.AUDIT, msgspec.json.encode(report))

    async def report_check(self, service_id: str, check: int, outcome: CheckOutcome = CheckOutcome.USABLE) -> None:
        """Reports what it has found when it tried an external key or storage."""
        is_key = service_id.startswith("extkey_")
        kind = RegionEventType.EXTERNAL_KEY_CHECKED if is_key else RegionEventType.EXTERNAL_STORAGE_CHECKED
        now_ms = time.time_ns() // 1_000_000
        event = RegionEvent(kind, now_ms, 1, 1, service_check=ServiceCheck(service_id, check, outcome))
        answer = await self.report(event)
        assert answer.status == 200, answer

    async def report_destroyed(self, project_id: str, at_ms: int, exports: tuple[int, ...] = ()) -> None:
        """Reports that it has destroyed a project."""
        event = RegionEvent(RegionEventType.PROJECT_DESTROYED, at_ms, 1, 1, project_id, exports)
        answer = await self.report(event)
        assert answer.status == 200, answer

    @asynccontextmanager
    async def checking(self, outcome: Callable[[str], CheckOutcome]) -> AsyncIterator[None]:
        """Polls while the block runs, and reports `outcome(id)` once for each new check of an external key or storage."""
        working = asyncio.create_task(self._check(outcome))
        try:
            yield
        finally:
            working.cancel()
            await asyncio.wait([working])
            if not working.cancelled():
                working.result()

    async def _check(self, outcome: Callable[[str], CheckOutcome]) -> None:
        reported: set[tuple[str, int]] = set()
        query = NOTHING_HELD
        while True:
            held = await self.poll(query)
            if held is None:
                continue
            query = held.query
            for service in held.checks.items() - reported:
                await self.report_check(*service, outcome(service[0]))
                reported.add(service)

    async def _shard(self, sha256: str) -> Shard:
        answer = await self.call("GET", f"{protocol.SHARD}/{sha256}")
        assert answer.status == 200, answer
        assert digest(answer.body) == sha256
        return msgspec.json.decode(answer.body, type=Shard)


def default_countries(code: str) -> tuple[str, ...]:
    """The countries that the tests' configuration gives to a region."""
    return tuple(sorted(country_set({"us": "US", "eu": "EEA+CH"}.get(code, "JP")).countries))
