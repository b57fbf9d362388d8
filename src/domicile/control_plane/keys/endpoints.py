"""Service accounts, project keys and admin keys over HTTP, in OpenAI's shapes. `expires_at` in requests is ours."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from domicile.boundary.permissions import KeyScope
from domicile.control_plane.idempotency import read_attempt
from domicile.control_plane.keys.repository import AdminKey, ProjectKey, ServiceAccount
from domicile.control_plane.keys.service import AdminKeys, Expiry, NewProjectKey, ProjectKeys, ServiceAccounts
from domicile.control_plane.names import Name
from domicile.control_plane.paging import PAGE_PARAMETERS, listing, window
from domicile.control_plane.principals.principal import Administrator
from domicile.control_plane.projects.repository import Project
from domicile.kernel import api_keys, errors
from domicile.kernel.clock import seconds
from domicile.web.bodies.body_limits import body_limit
from domicile.web.bodies.reading import json_response, read_json
from domicile.web.query import Query

BODY_LIMIT = body_limit("/v1/organization")

Lifetime = Annotated[int, Meta(ge=1, le=31_536_000)]


class _CreateAccount(Struct, forbid_unknown_fields=True):
    name: Name
    create_service_account_only: bool | None = None
    expires_in_seconds: Lifetime | None = None


class _ModifyAccount(Struct, forbid_unknown_fields=True):
    name: Name | None = None
    role: Literal["member", "owner"] | None = None


class _CreateKey(Struct, forbid_unknown_fields=True):
    name: Name | None = None
    scopes: list[str] | None = None
    expires_at: int | None = None
    expires_in_seconds: Lifetime | None = None


class _CreateAdminKey(Struct, forbid_unknown_fields=True):
    name: Name
    expires_in_seconds: Lifetime | None = None


class ServiceAccountEndpoints:
    """Handlers for /service_accounts and the keys under each."""

    def __init__(self, accounts: ServiceAccounts, keys: ProjectKeys) -> None:
        self._accounts = accounts
        self._keys = keys

    async def page(self, administrator: Administrator, request: Request) -> Response:
        """One page of accounts, oldest first by default."""
        part = window(Query(request, PAGE_PARAMETERS))
        accounts, has_more = await self._accounts.page(administrator, request.path_params["project_id"], part)
        return json_response(listing([_account(account) for account in accounts], has_more=has_more))

    async def create(self, administrator: Administrator, request: Request) -> Response:
        """Creates an account, with its first key unless the request excludes it."""
        body = await read_json(request, _CreateAccount, limit_bytes=BODY_LIMIT)
        alone = body.create_service_account_only or False
        if alone and body.expires_in_seconds is not None:
            raise errors.invalid_value(
                "'expires_in_seconds' is for the first key, and 'create_service_account_only' makes none.",
                "expires_in_seconds",
            )
        account, key = await self._accounts.create(
            administrator,
            request.path_params["project_id"],
            name=body.name,
            with_key=not alone,
            expiry=Expiry(in_s=body.expires_in_seconds),
            attempt=read_attempt(administrator, request, body),
        )
        return json_response({**_account(account), "api_key": None if key is None else _new_key(key)})

    async def get(self, administrator: Administrator, request: Request) -> Response:
        """One account."""
        path = request.path_params
        return json_response(_account(await self._accounts.get(administrator, path["project_id"], path["account_id"])))

    async def modify(self, administrator: Administrator, request: Request) -> Response:
        """Sets the name, the role, or both."""
        body = await read_json(request, _ModifyAccount, limit_bytes=BODY_LIMIT)
        path = request.path_params
        account = await self._accounts.modify(
            administrator, path["project_id"], path["account_id"], name=body.name, role=body.role
        )
        return json_response(_account(account))

    async def delete(self, administrator: Administrator, request: Request) -> Response:
        """Deletes the account and its keys."""
        path = request.path_params
        await self._accounts.delete(administrator, path["project_id"], path["account_id"])
        return json_response(_deleted("organization.project.service_account", path["account_id"]))

    async def create_key(self, administrator: Administrator, request: Request) -> Response:
        """Creates a key for the account. Only this answer shows its value."""
        body = await read_json(request, _CreateKey, limit_bytes=BODY_LIMIT)
        path = request.path_params
        key = await self._accounts.create_key(
            administrator,
            path["project_id"],
            path["account_id"],
            name=body.name or "Secret Key",
            expiry=Expiry(body.expires_at, body.expires_in_seconds),
            scopes=_scopes(body.scopes),
            attempt=read_attempt(administrator, request, body),
        )
        return json_response(_new_key(key))

    async def revoke_key(self, administrator: Administrator, request: Request) -> Response:
        """Revokes one key of an account. OpenAI's API has no such call."""
        path = request.path_params
        await self._keys.revoke(administrator, path["project_id"], path["key_id"], path["account_id"])
        return json_response(_deleted("organization.project.service_account.api_key", path["key_id"]))


class ProjectKeyEndpoints:
    """Handlers for a project's /api_keys."""

    def __init__(self, keys: ProjectKeys) -> None:
        self._keys = keys

    async def page(self, administrator: Administrator, request: Request) -> Response:
        """One page of keys that are not revoked, oldest first by default."""
        query = Query(request, PAGE_PARAMETERS | {"owner_project_access"})
        access = query.text("owner_project_access") or "any"
        if access not in {"active", "inactive", "any"}:
            raise errors.invalid_value(
                "'owner_project_access' must be one of: active, inactive, any.", "owner_project_access"
            )
        project, keys, has_more = await self._keys.page(administrator, request.path_params["project_id"], window(query))
        # A key's owner is a service account of the same project, deleted with its keys: access is the
        # project's own state, the same for all.
        shown = keys if access in {"any", _access(project)} else []
        return json_response(listing([_key(project, key) for key in shown], has_more=has_more and bool(shown)))

    async def get(self, administrator: Administrator, request: Request) -> Response:
        """One key, without its value."""
        path = request.path_params
        return json_response(_key(*await self._keys.get(administrator, path["project_id"], path["key_id"])))

    async def revoke(self, administrator: Administrator, request: Request) -> Response:
        """Revokes any key of the project. OpenAI refuses this for a service account's keys."""
        path = request.path_params
        await self._keys.revoke(administrator, path["project_id"], path["key_id"])
        return json_response(_deleted("organization.project.api_key", path["key_id"]))


class AdminKeyEndpoints:
    """Handlers for /admin_api_keys."""

    def __init__(self, keys: AdminKeys) -> None:
        self._keys = keys

    async def page(self, administrator: Administrator, request: Request) -> Response:
        """One page of admin keys, oldest first by default."""
        keys, has_more = await self._keys.page(administrator, window(Query(request, PAGE_PARAMETERS)))
        return json_response(listing([_admin_key(key) for key in keys], has_more=has_more))

    async def create(self, administrator: Administrator, request: Request) -> Response:
        """Creates an admin key. Only this answer shows its value."""
        body = await read_json(request, _CreateAdminKey, limit_bytes=BODY_LIMIT)
        new = await self._keys.create(
            administrator,
            name=body.name,
            expiry=Expiry(in_s=body.expires_in_seconds),
            attempt=read_attempt(administrator, request, body),
        )
        return json_response({**_admin_key(new.key), "value": new.secret.value})

    async def get(self, administrator: Administrator, request: Request) -> Response:
        """One admin key, without its value."""
        return json_response(_admin_key(await self._keys.get(administrator, request.path_params["key_id"])))

    async def delete(self, administrator: Administrator, request: Request) -> Response:
        """Deletes an admin key. Raises 400 `last_admin_api_key` when the organization has no other valid one."""
        key_id = request.path_params["key_id"]
        await self._keys.delete(administrator, key_id)
        return json_response(_deleted("organization.admin_api_key", key_id))


def _scopes(names: list[str] | None) -> tuple[KeyScope, ...] | None:
    """The scopes of a new key. None for a key that may do everything: with no list, an empty one, or `all`."""
    if not names or names == ["all"]:
        return None
    if not set(names) <= set(KeyScope):
        raise errors.invalid_value(
            f"'scopes' may hold: {', '.join(KeyScope)}. Leave it out for a key that may do everything.", "scopes"
        )
    return tuple(sorted(KeyScope(name) for name in set(names)))


def _permissions(scopes: tuple[KeyScope, ...] | None) -> dict[str, Any]:
    """What the key may do, as OpenAI's key pages name it, and its scopes."""
    if scopes is None:
        return {"permissions": "all", "scopes": ["all"]}
    return {"permissions": "read_only" if scopes == (KeyScope.ALL_READ,) else "restricted", "scopes": list(scopes)}


def _account(account: ServiceAccount) -> dict[str, Any]:
    return {
        "object": "organization.project.service_account",
        "id": account.id,
        "name": account.name,
        "role": account.role,
        "created_at": seconds(account.created_at_ms),
    }


def _new_key(new: NewProjectKey) -> dict[str, Any]:
    return {
        "object": "organization.project.service_account.api_key",
        "id": new.key.id,
        "name": new.key.name,
        "value": new.secret.value,
        "created_at": seconds(new.key.created_at_ms),
        "expires_at": _seconds(new.key.expires_at_ms),
        **_permissions(new.key.scopes),
    }


def _key(project: Project, key: ProjectKey) -> dict[str, Any]:
    account = _account(key.account)
    del account["object"]
    return {
        "object": "organization.project.api_key",
        "id": key.id,
        "name": key.name,
        "redacted_value": api_keys.redacted(project.region, key.last_four),
        "created_at": seconds(key.created_at_ms),
        "expires_at": _seconds(key.expires_at_ms),
        "last_used_at": _seconds(key.last_used_at_ms),
        **_permissions(key.scopes),
        "owner_project_access": _access(project),
        "owner": {"type": "service_account", "service_account": account},
    }


def _admin_key(key: AdminKey) -> dict[str, Any]:
    return {
        "object": "organization.admin_api_key",
        "id": key.id,
        "name": key.name,
        "redacted_value": api_keys.redacted(api_keys.ADMIN, key.last_four),
        "created_at": seconds(key.created_at_ms),
        "expires_at": _seconds(key.expires_at_ms),
        "last_used_at": _seconds(key.last_used_at_ms),
        # OpenAI's shape, in which a person owns the key. Domicile has no persons, so their members are absent: the
        # specification allows that, but not null.
        "owner": {"type": "user", "object": "organization.user", "role": "owner"},
    }


def _access(project: Project) -> str:
    return "active" if project.archived_at_ms is None else "inactive"


def _deleted(noun: str, identifier: str) -> dict[str, Any]:
    return {"object": f"{noun}.deleted", "id": identifier, "deleted": True}


def _seconds(milliseconds: int | None) -> int | None:
    return None if milliseconds is None else seconds(milliseconds)
