"""Enrollment of regions (once, for ever), the snapshots that their replicas fetch, and the operator's view of them."""

import hashlib
import secrets
from dataclasses import dataclass, replace

import msgspec

from domicile.boundary import signing
from domicile.boundary.enrollment import EnrollmentReceipt, EnrollmentRequest, EnrollmentToken, encode_token
from domicile.boundary.snapshot import SignedManifest, SnapshotQuery
from domicile.boundary.time import SignedTime
from domicile.control_plane import control_errors
from domicile.control_plane.audit.repository import Event
from domicile.control_plane.changes import Change, Changes
from domicile.control_plane.database.transactions import Reader
from domicile.control_plane.idempotency import Attempt, find_made, remember, rename_made
from domicile.control_plane.principals.principal import EnrolledRegion, Operator, Startup
from domicile.control_plane.publication.publisher import Publisher
from domicile.control_plane.publication.snapshot_feed import Contact, Version
from domicile.control_plane.regions.repository import (
    EnrolledIdentity,
    StoredToken,
    find_region,
    find_token,
    insert_region,
    insert_token,
    list_regions,
    replace_token_secret,
    shrink_countries,
    taken_root_keys,
    use_token,
)
from domicile.control_plane.regions.root_keys import RootKeys
from domicile.kernel import errors
from domicile.kernel.errors import DomicileError
from domicile.settings.installation import Installation, RegionSettings

TOKEN_LIFE_MS = 3_600_000


class RegionChangedError(Exception):
    """The configuration contradicts a region's recorded identity (design 6)."""


@dataclass(frozen=True, slots=True)
class RegionStatus:
    """The operator's view of a region."""

    settings: RegionSettings
    enrolled_at_ms: int | None
    published: Version
    replicas: dict[str, Contact]
    new_epoch_required: bool
    root_key_id: str | None
    """The newest root key that the region reports as trusted; None without a report."""
    root_key_is_current: bool


class Regions:
    """The configured regions, enrolled or not yet."""

    def __init__(
        self,
        reader: Reader,
        changes: Changes,
        publisher: Publisher,
        installation: Installation,
        installation_id: str,
    ) -> None:
        self._reader = reader
        self._changes = changes
        self._publisher = publisher
        self._root_keys = RootKeys(changes, publisher)
        self._installation = installation
        self._installation_id = installation_id

    async def status(self, operator: Operator) -> list[RegionStatus]:
        """The status of every configured region."""
        async with self._reader.reading(operator) as reading:
            enrolled = {region.code: region.enrolled_at_ms for region in await list_regions(reading)}
            root_keys = await taken_root_keys(reading)
        current = self._publisher.signer.root_key_ids[-1]
        return [
            RegionStatus(
                region,
                enrolled.get(region.code),
                self._publisher.version(region.code),
                self._publisher.contacts(region.code),
                self._publisher.is_behind(region.code),
                root_keys.get(region.code),
                root_keys.get(region.code) == current,
            )
            for region in self._installation.regions
        ]

    async def make_token(self, operator: Operator, code: str, attempt: Attempt | None = None) -> tuple[str, int]:
        """Makes a single-use enrollment token. Returns it with its expiry in Unix milliseconds.

        Raises 404 for a region that is not configured. A repeated call returns the same token with a fresh secret.
        """
        if self._configured(code) is None:
            raise errors.not_found("region", code)
        secret = secrets.token_bytes(32)
        async with self._changes.begin(operator) as change:
            made = await find_made(change, attempt, change.now_ms)
            if attempt is not None and made is not None:
                stored = await _replace_token(change, attempt, bytes.fromhex(made.resource_id), _sha256(secret))
            else:
                stored = StoredToken(_sha256(secret), code, change.now_ms + TOKEN_LIFE_MS)
                writing = await change.record(Event("region.enrollment_token.created", code, region=code))
                await insert_token(writing, stored, change.now_ms)
                await remember(writing, attempt, change.now_ms, stored.sha256.hex())
        signer = self._publisher.signer
        token = EnrollmentToken(
            installation_id=self._installation_id,
            region=code,
            root_key=signer.root_key,
            serial=signer.serial,
            secret=secret,
        )
        return encode_token(token), stored.expires_at_ms

    async def enroll(self, request: EnrollmentRequest) -> EnrollmentReceipt:
        """Records the region's identity. A repeated request with the same key gets its receipt again: it may have been lost.

        Raises 403 for an invalid token, 409 when the identity differs from the configured or the recorded one.
        """
        region = self._configured(request.region)
        actor = EnrolledRegion(request.region, signing.public_key_id(request.public_key))
        async with self._changes.begin(actor) as change:
            token = await find_token(change, _sha256(request.secret))
            if region is None or token is None or token.region != request.region:
                raise _invalid_token()
            recorded = await find_region(change, request.region)
            again = recorded is not None and recorded.public_key == request.public_key
            if token.used_at_ms is not None and again:
                return EnrollmentReceipt(self._installation_id, request.region)
            if token.used_at_ms is not None or token.expires_at_ms <= change.now_ms:
                raise _invalid_token()
            await _require_same_identity(change, request, region, recorded)
            await _record(change, request, token, recorded)
        return EnrollmentReceipt(self._installation_id, request.region)

    async def newer_snapshot(self, region: EnrolledRegion, held: SnapshotQuery) -> SignedManifest | None:
        """Answers a long poll, which acknowledges the snapshot that the replica holds. None without a newer one.

        The manifest has the newest schema that the replica reads, and the successions from its root key to the current one.
        Raises 409 `no_common_schema`, or what `Publisher.newer` raises.
        """
        await self._root_keys.heard(region, held.root)
        publication = await self._publisher.newer(region.code, region.replica, held)
        if publication is None:
            return None
        common = publication.manifests.keys() & set(held.schemas)
        if not common:
            served = ", ".join(map(str, sorted(publication.manifests)))
            raise control_errors.conflict(
                "no_common_schema", f"This control plane serves the snapshot's schemas {served} only."
            )
        signed = publication.manifests[max(common)]
        return msgspec.structs.replace(signed, successions=publication.since(held.root))

    def signed_time(self, nonce: bytes) -> SignedTime:
        """The current time, signed together with the caller's nonce."""
        return self._publisher.signed_time(nonce)

    def shard(self, region: EnrolledRegion, sha256: str) -> bytes:
        """A shard of the caller's own region. Raises 404 for any other hash."""
        body = self._publisher.shard(region.code, sha256)
        if body is None:
            raise errors.not_found("shard", sha256)
        return body

    async def compare_configuration(self) -> None:
        """Compares the enrolled regions with the configuration, at the start, and records a shorter country list.

        Raises `RegionChangedError` when a region is missing, its residency differs, or its country list has grown.
        """
        async with self._changes.begin(Startup()) as change:
            for recorded in await list_regions(change):
                region = self._configured(recorded.code)
                if region is None:
                    raise RegionChangedError(
                        f"region '{recorded.code}' is enrolled, which is for ever, but the configuration has no such region"
                    )
                _compare(recorded, region)
                if region.country_codes != recorded.countries:
                    detail = {"changes_requested": {"countries": sorted(region.country_codes)}}
                    event = Event("region.countries_reduced", recorded.code, region=recorded.code, detail=detail)
                    await shrink_countries(await change.record(event), recorded.code, region.country_codes)

    def _configured(self, code: str) -> RegionSettings | None:
        return next((region for region in self._installation.regions if region.code == code), None)


async def _replace_token(change: Change, attempt: Attempt, before: bytes, after: bytes) -> StoredToken:
    """The same token with a fresh secret; the first secret stops working. Raises 404 when it was used or has expired."""
    token = await find_token(change, before)
    if token is None or token.used_at_ms is not None or token.expires_at_ms <= change.now_ms:
        raise errors.not_found("valid enrollment token", token.region if token else "")
    event = Event(
        "region.enrollment_token.updated",
        token.region,
        region=token.region,
        detail={"changes_requested": {"secret": "replaced"}},
    )
    writing = await change.record(event)
    await replace_token_secret(writing, before, after)
    await rename_made(writing, attempt, after.hex())
    return replace(token, sha256=after)


async def _require_same_identity(
    change: Change, request: EnrollmentRequest, region: RegionSettings, recorded: EnrolledIdentity | None
) -> None:
    for other in await list_regions(change):
        if (other.code == request.region) != (other.public_key == request.public_key):
            raise control_errors.conflict(
                "region_already_enrolled",
                f"Region '{other.code}' is enrolled with another identity. A region's identity is unique and never changes.",
            )
    if request.residency != region.residency:
        raise _differs(
            request.region, f"its residency is '{region.residency}', and the region sent '{request.residency}'"
        )
    countries = frozenset(request.countries)
    if countries != region.country_codes:
        configured, sent = ", ".join(sorted(region.country_codes)), ", ".join(sorted(countries))
        raise _differs(request.region, f"its countries are {configured}, and the region sent {sent}")
    if recorded is not None and not countries <= recorded.countries:
        added = ", ".join(sorted(countries - recorded.countries))
        raise _differs(request.region, f"its list of countries may only shrink, and {added} was not in it before")


async def _record(
    change: Change, request: EnrollmentRequest, token: StoredToken, recorded: EnrolledIdentity | None
) -> None:
    countries = frozenset(request.countries)
    detail = {"data": {"residency": request.residency, "countries": sorted(countries)}}
    writing = await change.record(Event("region.enrolled", request.region, region=request.region, detail=detail))
    await use_token(writing, token.sha256, change.now_ms)
    if recorded is not None:
        await shrink_countries(writing, request.region, countries)
        return
    identity = EnrolledIdentity(
        request.region, request.residency, countries, request.public_key, enrolled_at_ms=change.now_ms
    )
    await insert_region(writing, identity)


def _compare(recorded: EnrolledIdentity, region: RegionSettings) -> None:
    if region.residency != recorded.residency:
        raise RegionChangedError(
            f"region '{recorded.code}' was enrolled with residency '{recorded.residency}', "
            f"and the configuration says '{region.residency}'"
        )
    added = region.country_codes - recorded.countries
    if added:
        raise RegionChangedError(
            f"region '{recorded.code}' has countries in the configuration that it was not enrolled with: "
            f"{', '.join(sorted(added))}. The list may only become shorter"
        )


def _sha256(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


def _invalid_token() -> DomicileError:
    return errors.forbidden(
        "invalid_enrollment_token",
        "This enrollment token is not valid for this region: it is unknown, used, or older than an hour. "
        "Ask the operator for a new one.",
    )


def _differs(code: str, reason: str) -> DomicileError:
    return control_errors.conflict(
        "region_mismatch", f"Region '{code}' is configured differently at the control plane: {reason}."
    )
