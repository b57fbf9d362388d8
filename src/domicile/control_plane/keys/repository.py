"""Service accounts, their keys and admin keys in the database. Every query names the organization; no row has a secret."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, func, insert, or_, select, update

from domicile.boundary.permissions import KeyScope, decode_scopes, encode_scopes
from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reading, Writing
from domicile.control_plane.paging import read_page
from domicile.control_plane.projects.repository import Project
from domicile.kernel import errors
from domicile.kernel.paging import Window


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A service account: the owner of keys in a project."""

    id: str
    organization_id: str
    project_id: str
    name: str
    role: str
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class ProjectKey:
    """A project's key without its secret, which is never stored."""

    id: str
    project_id: str
    account: ServiceAccount
    name: str
    last_four: str
    created_at_ms: int
    expires_at_ms: int | None
    scopes: tuple[KeyScope, ...] | None = None
    """None: the key may do everything."""
    last_used_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class AdminKey:
    """An admin key without its secret, which is never stored."""

    id: str
    organization_id: str
    name: str
    last_four: str
    created_at_ms: int
    expires_at_ms: int | None
    last_used_at_ms: int | None = None


async def get_account(reading: Reading, project: Project, account_id: str) -> ServiceAccount:
    """The project's service account, or 404."""
    table = tables.service_account
    query = select(table).where(table.c.id == account_id, table.c.deleted_at_ms.is_(None), *_in(table, project))
    row = await reading.first(query)
    if row is None:
        raise errors.not_found("service account", account_id)
    return _account(row)


async def list_accounts(reading: Reading, project: Project, part: Window) -> tuple[list[ServiceAccount], bool]:
    """One page, and whether there are more."""
    table = tables.service_account
    query = select(table).where(table.c.deleted_at_ms.is_(None))
    page = await read_page(reading, query, table, part, scope=_in(table, project))
    return [_account(row) for row in page.rows], page.has_more


async def insert_account(writing: Writing, account: ServiceAccount) -> None:
    """Inserts the row."""
    await writing.execute(
        insert(tables.service_account).values(
            id=account.id,
            organization_id=account.organization_id,
            project_id=account.project_id,
            name=account.name,
            role=account.role,
            created_at_ms=account.created_at_ms,
        )
    )


async def update_account(writing: Writing, account: ServiceAccount, *, name: str, role: str) -> None:
    """Sets the name and the role."""
    table = tables.service_account
    where = (table.c.id == account.id, table.c.organization_id == account.organization_id)
    await writing.execute(update(table).where(*where).values(name=name, role=role))


async def delete_account(writing: Writing, account: ServiceAccount, at_ms: int) -> None:
    """Deletes the account and revokes its keys."""
    accounts, keys = tables.service_account, tables.api_key
    where = (accounts.c.id == account.id, accounts.c.organization_id == account.organization_id)
    await writing.execute(update(accounts).where(*where).values(deleted_at_ms=at_ms))
    owned = (keys.c.service_account_id == account.id, keys.c.organization_id == account.organization_id)
    await writing.execute(update(keys).where(*owned, keys.c.revoked_at_ms.is_(None)).values(revoked_at_ms=at_ms))


async def get_key(reading: Reading, project: Project, key_id: str, account_id: str | None = None) -> ProjectKey:
    """The project's key (of this account, when one is named), or 404."""
    key = tables.api_key
    conditions = [key.c.id == key_id, *_in(key, project)]
    if account_id is not None:
        conditions.append(key.c.service_account_id == account_id)
    row = await reading.first(_live_keys().where(*conditions))
    if row is None:
        raise errors.not_found("API key", key_id)
    return _key(row)


async def list_keys(reading: Reading, project: Project, part: Window) -> tuple[list[ProjectKey], bool]:
    """One page, and whether there are more."""
    page = await read_page(reading, _live_keys(), tables.api_key, part, scope=_in(tables.api_key, project))
    return [_key(row) for row in page.rows], page.has_more


async def insert_key(writing: Writing, key: ProjectKey, sha256: bytes) -> None:
    """Inserts the row."""
    await writing.execute(
        insert(tables.api_key).values(
            id=key.id,
            organization_id=key.account.organization_id,
            project_id=key.project_id,
            service_account_id=key.account.id,
            name=key.name,
            sha256=sha256,
            last_four=key.last_four,
            created_at_ms=key.created_at_ms,
            expires_at_ms=key.expires_at_ms,
            scopes=None if key.scopes is None else encode_scopes(key.scopes),
        )
    )


async def replace_secret(writing: Writing, key: ProjectKey, *, last_four: str, sha256: bytes) -> None:
    """Replaces the key's secret: the old one stops working."""
    table = tables.api_key
    where = (table.c.id == key.id, table.c.organization_id == key.account.organization_id)
    await writing.execute(update(table).where(*where).values(last_four=last_four, sha256=sha256))


async def replace_admin_secret(writing: Writing, key: AdminKey, *, last_four: str, sha256: bytes) -> None:
    """Replaces the admin key's secret: the old one stops working."""
    table = tables.admin_key
    where = (table.c.id == key.id, table.c.organization_id == key.organization_id)
    await writing.execute(update(table).where(*where).values(last_four=last_four, sha256=sha256))


async def revoke_key(writing: Writing, key: ProjectKey, at_ms: int) -> None:
    """Revokes the key for ever."""
    table = tables.api_key
    where = (table.c.id == key.id, table.c.organization_id == key.account.organization_id)
    await writing.execute(update(table).where(*where).values(revoked_at_ms=at_ms))


async def get_admin_key(reading: Reading, organization_id: str, key_id: str) -> AdminKey:
    """The organization's admin key, or 404."""
    table = tables.admin_key
    own = (table.c.id == key_id, table.c.organization_id == organization_id, table.c.deleted_at_ms.is_(None))
    row = await reading.first(select(table).where(*own))
    if row is None:
        raise errors.not_found("admin API key", key_id)
    return _admin_key(row)


async def list_admin_keys(reading: Reading, organization_id: str, part: Window) -> tuple[list[AdminKey], bool]:
    """One page, and whether there are more."""
    table = tables.admin_key
    live = select(table).where(table.c.deleted_at_ms.is_(None))
    page = await read_page(reading, live, table, part, scope=[table.c.organization_id == organization_id])
    return [_admin_key(row) for row in page.rows], page.has_more


async def count_other_admin_keys(reading: Reading, key: AdminKey, now_ms: int) -> int:
    """The number of the organization's admin keys besides this one, without deleted and expired ones."""
    table = tables.admin_key
    row = await reading.first(
        select(func.count()).where(
            table.c.organization_id == key.organization_id,
            table.c.id != key.id,
            table.c.deleted_at_ms.is_(None),
            or_(table.c.expires_at_ms.is_(None), table.c.expires_at_ms > now_ms),
        )
    )
    return 0 if row is None else int(row[0])


async def insert_admin_key(writing: Writing, key: AdminKey, sha256: bytes) -> None:
    """Inserts the row."""
    await writing.execute(
        insert(tables.admin_key).values(
            id=key.id,
            organization_id=key.organization_id,
            name=key.name,
            sha256=sha256,
            last_four=key.last_four,
            created_at_ms=key.created_at_ms,
            expires_at_ms=key.expires_at_ms,
        )
    )


async def delete_admin_key(writing: Writing, key: AdminKey, at_ms: int) -> None:
    """Deletes the key for ever. The row stays as a cursor for clients that page through the list."""
    table = tables.admin_key
    where = (table.c.id == key.id, table.c.organization_id == key.organization_id)
    await writing.execute(update(table).where(*where).values(deleted_at_ms=at_ms))


def _in(table: Any, project: Project) -> list[ColumnElement[bool]]:
    return [table.c.project_id == project.id, table.c.organization_id == project.organization_id]


def _live_keys() -> Any:
    key, account = tables.api_key, tables.service_account
    return (
        select(
            key,
            account.c.name.label("account_name"),
            account.c.role.label("account_role"),
            account.c.created_at_ms.label("account_created_at_ms"),
        )
        .join(account, account.c.id == key.c.service_account_id)
        .where(key.c.revoked_at_ms.is_(None))
    )


def _account(row: Row[*tuple[Any, ...]]) -> ServiceAccount:
    return ServiceAccount(row.id, row.organization_id, row.project_id, row.name, row.role, row.created_at_ms)


def _key(row: Row[*tuple[Any, ...]]) -> ProjectKey:
    account = ServiceAccount(
        row.service_account_id,
        row.organization_id,
        row.project_id,
        row.account_name,
        row.account_role,
        row.account_created_at_ms,
    )
    return ProjectKey(
        row.id,
        row.project_id,
        account,
        row.name,
        row.last_four,
        row.created_at_ms,
        row.expires_at_ms,
        None if row.scopes is None else decode_scopes(row.scopes),
        row.last_used_at_ms,
    )


def _admin_key(row: Row[*tuple[Any, ...]]) -> AdminKey:
    return AdminKey(
        row.id,
        row.organization_id,
        row.name,
        row.last_four,
        row.created_at_ms,
        row.expires_at_ms,
        row.last_used_at_ms,
    )
