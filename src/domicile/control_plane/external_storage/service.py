"""Registers, checks and removes external storages. A project has one at most, and keeps it until it is archived."""

from typing import Any

from domicile.control_plane import control_errors
from domicile.control_plane.audit.repository import Event
from domicile.control_plane.changes import Changes
from domicile.control_plane.database.transactions import Reader, Reading
from domicile.control_plane.external_storage.repository import (
    ExternalStorage,
    find_storage,
    find_storage_of,
    insert_storage,
    list_storages,
    remove_storage,
    set_check,
)
from domicile.control_plane.idempotency import Attempt, find_made, remember
from domicile.control_plane.principals.principal import Administrator
from domicile.control_plane.projects.repository import find_project, get_project
from domicile.control_plane.projects.service import require_active
from domicile.control_plane.service_checks import Check, CheckReports, next_check
from domicile.kernel import errors
from domicile.kernel.ids import new_id
from domicile.kernel.paging import Window
from domicile.settings.installation import Installation, RegionSettings


class ExternalStorages:
    """The external storages of an organization's projects."""

    def __init__(self, reader: Reader, changes: Changes, installation: Installation, reports: CheckReports) -> None:
        self._reader = reader
        self._changes = changes
        self._installation = installation
        self._reports = reports

    def region(self, storage: ExternalStorage) -> RegionSettings:
        """The configuration of the region of the storage's project."""
        return self._installation.region(storage.region)

    async def page(
        self, administrator: Administrator, part: Window, *, project_id: str | None
    ) -> tuple[list[ExternalStorage], bool]:
        """One page, and whether there are more. `project_id` filters."""
        async with self._reader.reading(administrator) as reading:
            return await list_storages(reading, administrator.organization_id, part, project_id=project_id)

    async def get(self, administrator: Administrator, storage_id: str) -> ExternalStorage:
        """One storage. Raises 404."""
        async with self._reader.reading(administrator) as reading:
            return await _get(reading, administrator, storage_id)

    async def register(
        self,
        administrator: Administrator,
        *,
        project_id: str,
        bucket: str,
        signing_region: str,
        country: str,
        attempt: Attempt | None = None,
    ) -> ExternalStorage:
        """Registers a bucket for an active project, and asks its region to try it.

        Raises 400 for an unknown or archived project and for a country outside the project's region, 409 when the project has a
        storage.
        """
        organization_id = administrator.organization_id
        async with self._changes.begin(administrator) as change:
            made = await find_made(change, attempt, change.now_ms)
            if made is not None:
                return await _get(change, administrator, made.resource_id)
            project = await find_project(change, organization_id, project_id)
            if project is None:
                raise control_errors.unknown_project(project_id)
            require_active(project)
            allowed = self._installation.region(project.region).country_codes
            if country not in allowed:
                raise control_errors.country_outside_region(country, project.region, sorted(allowed))
            if await find_storage_of(change, organization_id, project_id) is not None:
                raise control_errors.conflict(
                    "external_storage_exists", f"Project '{project_id}' has an external storage. It keeps this one."
                )
            storage = ExternalStorage(
                id=new_id("extstore_"),
                organization_id=organization_id,
                project_id=project_id,
                region=project.region,
                bucket=bucket,
                signing_region=signing_region,
                country=country,
                created_at_ms=change.now_ms,
                check=Check(),
            )
            provider = {"type": "aws", "bucket": bucket, "region": signing_region, "country": country}
            data = {"project_id": project_id, "provider": provider}
            writing = await change.record(_event("external_storage.registered", storage, {"data": data}))
            await insert_storage(writing, storage)
            await remember(writing, attempt, change.now_ms, storage.id)
            change.publish_to(storage.region, project_id)
        return storage

    async def validate(self, administrator: Administrator, storage_id: str) -> ExternalStorage:
        """Asks the region to try the bucket again, and waits for its report, at most `PATIENCE_S`."""
        with self._reports.awaited(administrator.organization_id, storage_id) as report:
            async with self._changes.begin(administrator) as change:
                storage = await _get(change, administrator, storage_id)
                check = next_check(storage.check, change.now_ms)
                event = _event("external_storage.check_requested", storage, {"data": {"check": check.number}})
                await set_check(await change.record(event), storage, check)
                change.publish_to(storage.region, storage.project_id)
            await report.wait_for(check.number)
        return await self.get(administrator, storage_id)

    async def remove(self, administrator: Administrator, storage_id: str) -> ExternalStorage:
        """Removes the storage. Raises 409 until its project is archived: its content lies there. The bucket is not touched."""
        async with self._changes.begin(administrator) as change:
            storage = await _get(change, administrator, storage_id)
            project = await get_project(change, administrator.organization_id, storage.project_id)
            if project.archived_at_ms is None:
                raise control_errors.conflict(
                    "project_not_archived",
                    f"Project '{project.id}' is active, and its content lies in this storage. Archive the project first.",
                )
            writing = await change.record(_event("external_storage.removed", storage, {}))
            await remove_storage(writing, storage, change.now_ms)
            change.publish_to(storage.region, storage.project_id)
        return storage


async def _get(reading: Reading, administrator: Administrator, storage_id: str) -> ExternalStorage:
    storage = await find_storage(reading, administrator.organization_id, storage_id)
    if storage is None:
        raise errors.not_found("external storage", storage_id)
    return storage


def _event(kind: str, storage: ExternalStorage, detail: dict[str, Any]) -> Event:
    return Event(
        kind,
        storage.id,
        organization_id=storage.organization_id,
        project_id=storage.project_id,
        region=storage.region,
        detail=detail,
    )
