"""Registers, checks and removes external keys. A key is for one region, and its ARN never changes."""

from dataclasses import dataclass
from typing import Any

from domicile.control_plane import control_errors
from domicile.control_plane.audit.repository import Event
from domicile.control_plane.changes import Changes
from domicile.control_plane.database.transactions import Reader, Reading
from domicile.control_plane.external_keys.repository import (
    ExternalKey,
    count_external_keys,
    find_external_key,
    insert_external_key,
    list_external_keys,
    projects_under,
    remove_external_key,
    set_check,
)
from domicile.control_plane.idempotency import Attempt, find_made, remember
from domicile.control_plane.principals.principal import Administrator
from domicile.control_plane.region_choice import choose_region, require_open_region
from domicile.control_plane.service_checks import Check, CheckReports, next_check
from domicile.kernel import errors
from domicile.kernel.ids import new_id
from domicile.kernel.paging import Window
from domicile.settings.installation import Installation, RegionSettings

MAX_KEYS = 100
"""External keys of one organization. Its regions try each of them."""


@dataclass(frozen=True, slots=True)
class KeyInUse:
    """A key, and the ids of the projects that name it."""

    key: ExternalKey
    project_ids: list[str]


class ExternalKeys:
    """An organization's external keys."""

    def __init__(self, reader: Reader, changes: Changes, installation: Installation, reports: CheckReports) -> None:
        self._reader = reader
        self._changes = changes
        self._installation = installation
        self._reports = reports

    def region(self, key: ExternalKey) -> RegionSettings:
        """The configuration of the key's region."""
        return self._installation.region(key.region)

    async def page(self, administrator: Administrator, part: Window) -> tuple[list[KeyInUse], bool]:
        """One page, and whether there are more."""
        organization_id = administrator.organization_id
        async with self._reader.reading(administrator) as reading:
            keys, has_more = await list_external_keys(reading, organization_id, part)
            projects = await projects_under(reading, organization_id, [key.id for key in keys])
        return [KeyInUse(key, projects[key.id]) for key in keys], has_more

    async def get(self, administrator: Administrator, key_id: str) -> KeyInUse:
        """One key. Raises 404."""
        async with self._reader.reading(administrator) as reading:
            return await _get(reading, administrator, key_id)

    async def register(
        self,
        administrator: Administrator,
        *,
        name: str,
        kms_arn: str,
        residency: str | None,
        attempt: Attempt | None = None,
    ) -> KeyInUse:
        """Registers a key for the named region, or for the default region, and asks the region to try it.

        Raises 400 for an unknown region, 403 without the agreements that it requires, 503 before it is enrolled, 409 when the
        organization has too many keys.
        """
        region = choose_region(self._installation, residency=residency)
        organization_id = administrator.organization_id
        async with self._changes.begin(administrator) as change:
            made = await find_made(change, attempt, change.now_ms)
            if made is not None:
                return await _get(change, administrator, made.resource_id)
            await require_open_region(change, organization_id, region)
            if await count_external_keys(change, organization_id) >= MAX_KEYS:
                raise control_errors.conflict(
                    "too_many_external_keys",
                    f"An organization has at most {MAX_KEYS} external keys. Remove one that no project names.",
                )
            key = ExternalKey(new_id("extkey_"), organization_id, name, region.code, kms_arn, change.now_ms, Check())
            data = {"type": "aws", "name": name, "kms_arn": kms_arn, "residency": region.residency}
            writing = await change.record(_event("external_key.registered", key, {"data": data}))
            await insert_external_key(writing, key)
            await remember(writing, attempt, change.now_ms, key.id)
            change.publish_to(key.region, organization_id)
        return KeyInUse(key, [])

    async def validate(self, administrator: Administrator, key_id: str) -> ExternalKey:
        """Asks the region to try the key again, and waits for its report, at most `PATIENCE_S`."""
        with self._reports.awaited(administrator.organization_id, key_id) as report:
            async with self._changes.begin(administrator) as change:
                key = (await _get(change, administrator, key_id)).key
                check = next_check(key.check, change.now_ms)
                event = _event("external_key.check_requested", key, {"data": {"check": check.number}})
                await set_check(await change.record(event), key, check)
                change.publish_to(key.region, key.organization_id)
            await report.wait_for(check.number)
        return (await self.get(administrator, key_id)).key

    async def remove(self, administrator: Administrator, key_id: str) -> KeyInUse:
        """Removes the key. Raises 409 while a project that is not destroyed names it: its content would be lost."""
        async with self._changes.begin(administrator) as change:
            found = await _get(change, administrator, key_id)
            if found.project_ids:
                raise control_errors.conflict(
                    "external_key_in_use",
                    f"Project '{found.project_ids[0]}' names external key '{key_id}', and its content can be read with this "
                    "key only. A key can be removed when all its projects are destroyed.",
                )
            writing = await change.record(_event("external_key.removed", found.key, {}))
            await remove_external_key(writing, found.key, change.now_ms)
            change.publish_to(found.key.region, found.key.organization_id)
        return found


async def require_usable_key(
    reading: Reading, administrator: Administrator, key_id: str, region: RegionSettings
) -> None:
    """Raises 400 unless a new project of the region can name this key."""
    key = await find_external_key(reading, administrator.organization_id, key_id)
    if key is None:
        raise control_errors.unknown_external_key(key_id)
    if key.region != region.code:
        raise control_errors.external_key_elsewhere(key_id, key.region, region.code)
    if not key.check.is_usable:
        raise control_errors.external_key_not_usable(key_id, key.check.outcome)


async def _get(reading: Reading, administrator: Administrator, key_id: str) -> KeyInUse:
    key = await find_external_key(reading, administrator.organization_id, key_id)
    if key is None:
        raise errors.not_found("external key", key_id)
    projects = await projects_under(reading, administrator.organization_id, [key_id])
    return KeyInUse(key, projects[key_id])


def _event(kind: str, key: ExternalKey, detail: dict[str, Any]) -> Event:
    return Event(kind, key.id, organization_id=key.organization_id, region=key.region, detail=detail)
