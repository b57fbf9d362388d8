"""Creates, changes and revokes service accounts and keys. Only the call that makes a secret returns it."""

from dataclasses import dataclass, replace
from typing import Any

from domicile.boundary.permissions import KeyScope
from domicile.control_plane.audit.repository import Event
from domicile.control_plane.changes import Change, Changes
from domicile.control_plane.database.transactions import Reader, Writing
from domicile.control_plane.idempotency import Attempt, find_made, remember
from domicile.control_plane.keys.repository import (
    AdminKey,
    ProjectKey,
    ServiceAccount,
    count_other_admin_keys,
    delete_account,
    delete_admin_key,
    get_account,
    get_admin_key,
    get_key,
    insert_account,
    insert_admin_key,
    insert_key,
    list_accounts,
    list_admin_keys,
    list_keys,
    replace_admin_secret,
    replace_secret,
    revoke_key,
    update_account,
)
from domicile.control_plane.principals.principal import Administrator
from domicile.control_plane.projects.repository import Project, get_project
from domicile.control_plane.projects.service import require_active
from domicile.kernel import api_keys, errors
from domicile.kernel.api_keys import NewSecret
from domicile.kernel.ids import new_id
from domicile.kernel.paging import Window
from domicile.web.query import MAX_TIME_S

_SECRET_REPLACED = {"changes_requested": {"secret": "replaced"}}


@dataclass(frozen=True, slots=True)
class Expiry:
    """The requested end of a key: at a time, after some seconds, or never."""

    at_s: int | None = None
    in_s: int | None = None

    def at_ms(self, now_ms: int) -> int | None:
        """The end in Unix milliseconds; None for never. Raises 400 when both are given, or the time is not in the future."""
        if self.at_s is not None and self.in_s is not None:
            raise errors.invalid_value("Give 'expires_at' or 'expires_in_seconds', not both.", "expires_at")
        if self.in_s is not None:
            return now_ms + self.in_s * 1000
        if self.at_s is None:
            return None
        if not now_ms < self.at_s * 1000 <= MAX_TIME_S * 1000:
            raise errors.invalid_value("'expires_at' must be a time in the future, in Unix seconds.", "expires_at")
        return self.at_s * 1000


@dataclass(frozen=True, slots=True)
class NewProjectKey:
    """A new key with its secret, which is not stored."""

    key: ProjectKey
    secret: NewSecret


@dataclass(frozen=True, slots=True)
class NewAdminKey:
    """A new admin key with its secret, which is not stored."""

    key: AdminKey
    secret: NewSecret


class ServiceAccounts:
    """The accounts of a project, and the keys that are made for them."""

    def __init__(self, reader: Reader, changes: Changes, installation_id: str) -> None:
        self._reader = reader
        self._changes = changes
        self._installation_id = installation_id

    async def page(
        self, administrator: Administrator, project_id: str, part: Window
    ) -> tuple[list[ServiceAccount], bool]:
        """One page, and whether there are more."""
        async with self._reader.reading(administrator) as reading:
            project = await get_project(reading, administrator.organization_id, project_id)
            return await list_accounts(reading, project, part)

    async def get(self, administrator: Administrator, project_id: str, account_id: str) -> ServiceAccount:
        """One account."""
        async with self._reader.reading(administrator) as reading:
            project = await get_project(reading, administrator.organization_id, project_id)
            return await get_account(reading, project, account_id)

    async def create(
        self,
        administrator: Administrator,
        project_id: str,
        *,
        name: str,
        with_key: bool,
        expiry: Expiry,
        attempt: Attempt | None = None,
    ) -> tuple[ServiceAccount, NewProjectKey | None]:
        """Creates an account: a member with its first key, or an account with role `none` and no key.

        A repeated call returns the same account; its key gets a fresh secret.
        """
        async with self._changes.begin(administrator) as change:
            project = await get_project(change, administrator.organization_id, project_id)
            require_active(project)
            made = await find_made(change, attempt, change.now_ms)
            if made is not None:
                account = await get_account(change, project, made.resource_id)
                return account, None if made.key_id is None else await self._show_again(change, project, made.key_id)
            role = "member" if with_key else "none"
            account = ServiceAccount(
                new_id("svc_acct_"), project.organization_id, project.id, name, role, change.now_ms
            )
            detail = {"data": {"role": role}}
            writing = await change.record(_event("service_account.created", account.id, project, detail))
            await insert_account(writing, account)
            key = await self._make_key(change, project, account, "Secret Key", expiry) if with_key else None
            await remember(writing, attempt, change.now_ms, account.id, None if key is None else key.key.id)
        return account, key

    async def create_key(
        self,
        administrator: Administrator,
        project_id: str,
        account_id: str,
        *,
        name: str,
        expiry: Expiry,
        scopes: tuple[KeyScope, ...] | None = None,
        attempt: Attempt | None = None,
    ) -> NewProjectKey:
        """Creates a key for the account. A repeated call returns the same key with a fresh secret.

        `scopes`: all that the key may do. None: everything.
        """
        async with self._changes.begin(administrator) as change:
            project = await get_project(change, administrator.organization_id, project_id)
            account = await get_account(change, project, account_id)
            require_active(project)
            made = await find_made(change, attempt, change.now_ms)
            if made is not None:
                return await self._show_again(change, project, made.resource_id)
            return await self._make_key(change, project, account, name, expiry, scopes, attempt)

    async def modify(
        self, administrator: Administrator, project_id: str, account_id: str, *, name: str | None, role: str | None
    ) -> ServiceAccount:
        """Sets the name, the role, or both. None leaves a value unchanged."""
        async with self._changes.begin(administrator) as change:
            project = await get_project(change, administrator.organization_id, project_id)
            account = await get_account(change, project, account_id)
            require_active(project)
            after = replace(account, name=name or account.name, role=role or account.role)
            if after == account:
                return account
            detail = {"changes_requested": {"name": after.name, "role": after.role}}
            writing = await change.record(_event("service_account.updated", account.id, project, detail))
            await update_account(writing, account, name=after.name, role=after.role)
        return after

    async def delete(self, administrator: Administrator, project_id: str, account_id: str) -> None:
        """Deletes the account and all its keys."""
        async with self._changes.begin(administrator) as change:
            project = await get_project(change, administrator.organization_id, project_id)
            account = await get_account(change, project, account_id)
            writing = await change.record(_event("service_account.deleted", account.id, project, {}))
            await delete_account(writing, account, change.now_ms)
            change.publish_to(project.region, project.id)

    async def _make_key(
        self,
        change: Change,
        project: Project,
        account: ServiceAccount,
        name: str,
        expiry: Expiry,
        scopes: tuple[KeyScope, ...] | None = None,
        attempt: Attempt | None = None,
    ) -> NewProjectKey:
        expires_at_ms = expiry.at_ms(change.now_ms)
        secret = api_keys.generate(project.region, self._installation_id)
        key = ProjectKey(
            new_id("key_"), project.id, account, name, secret.last_four, change.now_ms, expires_at_ms, scopes
        )
        detail = {"data": {"scopes": list(scopes or ())}, "service_account_id": account.id}
        writing = await change.record(_event("api_key.created", key.id, project, detail))
        await insert_key(writing, key, secret.sha256)
        await remember(writing, attempt, change.now_ms, key.id)
        change.publish_to(project.region, project.id)
        return NewProjectKey(key, secret)

    async def _show_again(self, change: Change, project: Project, key_id: str) -> NewProjectKey:
        """The same key with a fresh secret. The platform cannot show the first secret again, so it stops working."""
        key = await get_key(change, project, key_id)
        secret = api_keys.generate(project.region, self._installation_id)
        writing = await change.record(_event("api_key.updated", key.id, project, _SECRET_REPLACED))
        await replace_secret(writing, key, last_four=secret.last_four, sha256=secret.sha256)
        change.publish_to(project.region, project.id)
        return NewProjectKey(replace(key, last_four=secret.last_four), secret)


class ProjectKeys:
    """All keys of a project, of every service account."""

    def __init__(self, reader: Reader, changes: Changes) -> None:
        self._reader = reader
        self._changes = changes

    async def page(
        self, administrator: Administrator, project_id: str, part: Window
    ) -> tuple[Project, list[ProjectKey], bool]:
        """The project, one page of its keys, and whether there are more."""
        async with self._reader.reading(administrator) as reading:
            project = await get_project(reading, administrator.organization_id, project_id)
            return project, *await list_keys(reading, project, part)

    async def get(self, administrator: Administrator, project_id: str, key_id: str) -> tuple[Project, ProjectKey]:
        """The project and one of its keys."""
        async with self._reader.reading(administrator) as reading:
            project = await get_project(reading, administrator.organization_id, project_id)
            return project, await get_key(reading, project, key_id)

    async def revoke(
        self, administrator: Administrator, project_id: str, key_id: str, account_id: str | None = None
    ) -> None:
        """Revokes the key. It stops working everywhere within 2 s (design 2)."""
        async with self._changes.begin(administrator) as change:
            project = await get_project(change, administrator.organization_id, project_id)
            key = await get_key(change, project, key_id, account_id)
            writing = await change.record(_event("api_key.deleted", key.id, project, {}))
            await revoke_key(writing, key, change.now_ms)
            change.publish_to(project.region, project.id)


class AdminKeys:
    """An organization's admin keys."""

    def __init__(self, reader: Reader, changes: Changes, installation_id: str) -> None:
        self._reader = reader
        self._changes = changes
        self._installation_id = installation_id

    async def page(self, administrator: Administrator, part: Window) -> tuple[list[AdminKey], bool]:
        """One page, and whether there are more."""
        async with self._reader.reading(administrator) as reading:
            return await list_admin_keys(reading, administrator.organization_id, part)

    async def get(self, administrator: Administrator, key_id: str) -> AdminKey:
        """One admin key."""
        async with self._reader.reading(administrator) as reading:
            return await get_admin_key(reading, administrator.organization_id, key_id)

    async def create(
        self, administrator: Administrator, *, name: str, expiry: Expiry, attempt: Attempt | None = None
    ) -> NewAdminKey:
        """Creates an admin key. A repeated call returns the same key with a fresh secret."""
        organization_id = administrator.organization_id
        async with self._changes.begin(administrator) as change:
            made = await find_made(change, attempt, change.now_ms)
            if made is not None:
                return await show_admin_key_again(change, organization_id, self._installation_id, made.resource_id)
            new = new_admin_key(organization_id, self._installation_id, name, change.now_ms, expiry)
            writing = await store_admin_key(change, new)
            await remember(writing, attempt, change.now_ms, new.key.id)
        return new

    async def delete(self, administrator: Administrator, key_id: str) -> None:
        """Deletes an admin key. Raises 400 `last_admin_api_key` when no other valid key could create a new one."""
        async with self._changes.begin(administrator) as change:
            key = await get_admin_key(change, administrator.organization_id, key_id)
            if not await count_other_admin_keys(change, key, change.now_ms):
                raise errors.invalid_request(
                    "This is the organization's last admin key. Make another one first.", code="last_admin_api_key"
                )
            event = Event("api_key.deleted", key.id, organization_id=key.organization_id)
            await delete_admin_key(await change.record(event), key, change.now_ms)


def new_admin_key(
    organization_id: str, installation_id: str, name: str, now_ms: int, expiry: Expiry | None = None
) -> NewAdminKey:
    """An admin key in memory. `store_admin_key` stores it."""
    secret = api_keys.generate(api_keys.ADMIN, installation_id)
    expires_at_ms = expiry.at_ms(now_ms) if expiry else None
    return NewAdminKey(AdminKey(new_id("key_"), organization_id, name, secret.last_four, now_ms, expires_at_ms), secret)


async def show_admin_key_again(change: Change, organization_id: str, installation_id: str, key_id: str) -> NewAdminKey:
    """The same admin key with a fresh secret; the first secret stops working."""
    key = await get_admin_key(change, organization_id, key_id)
    secret = api_keys.generate(api_keys.ADMIN, installation_id)
    event = Event("api_key.updated", key.id, organization_id=organization_id, detail=_SECRET_REPLACED)
    await replace_admin_secret(await change.record(event), key, last_four=secret.last_four, sha256=secret.sha256)
    return NewAdminKey(replace(key, last_four=secret.last_four), secret)


async def store_admin_key(change: Change, new: NewAdminKey) -> Writing:
    """Writes the audit row, then the key with its SHA-256. Returns the transaction for further writes."""
    detail = {"data": {"scopes": ["api.management"]}}
    event = Event("api_key.created", new.key.id, organization_id=new.key.organization_id, detail=detail)
    writing = await change.record(event)
    await insert_admin_key(writing, new.key, new.secret.sha256)
    return writing


def _event(type_: str, resource_id: str, project: Project, detail: dict[str, Any]) -> Event:
    return Event(type_, resource_id, organization_id=project.organization_id, project_id=project.id, detail=detail)
