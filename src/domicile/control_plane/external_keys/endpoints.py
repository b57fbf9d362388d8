"""External keys over HTTP, in OpenAI's shapes. They show `residency`, `status`, `detail` and `checked_at` as well."""

from typing import Any, Literal

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from domicile.boundary.outside_services import CheckOutcome, KmsArn
from domicile.control_plane.external_keys.repository import ExternalKey
from domicile.control_plane.external_keys.service import ExternalKeys, KeyInUse
from domicile.control_plane.idempotency import read_attempt
from domicile.control_plane.names import Name
from domicile.control_plane.outside_providers import AnyProvider, refuse_role, require_aws
from domicile.control_plane.paging import PAGE_PARAMETERS, listing, window
from domicile.control_plane.principals.principal import Administrator
from domicile.kernel import errors
from domicile.kernel.clock import seconds
from domicile.web.bodies.body_limits import body_limit
from domicile.web.bodies.json_body import decode_json
from domicile.web.bodies.reading import json_response, read_json_by
from domicile.web.query import Query

BODY_LIMIT = body_limit("/v1/organization")

_PURPOSE = "ekm"


class _Register(Struct, forbid_unknown_fields=True):
    type: Literal["aws"]
    name: Name
    kms_arn: str
    residency: str | None = None
    purpose: str = _PURPOSE
    role_arn: str | None = None
    external_id: str | None = None


class ExternalKeyEndpoints:
    """Handlers; the URL map is in `control_plane.http`."""

    def __init__(self, keys: ExternalKeys) -> None:
        self._keys = keys

    async def page(self, administrator: Administrator, request: Request) -> Response:
        """One page of the organization's keys."""
        query = Query(request, PAGE_PARAMETERS | {"purpose"})
        query.one_of("purpose", (_PURPOSE,))
        keys, has_more = await self._keys.page(administrator, window(query))
        return json_response(listing([self._render(key) for key in keys], has_more=has_more))

    async def register(self, administrator: Administrator, request: Request) -> Response:
        """Registers a key."""
        body = await read_json_by(request, _decode, limit_bytes=BODY_LIMIT)
        registered = await self._keys.register(
            administrator,
            name=body.name,
            kms_arn=body.kms_arn,
            residency=body.residency,
            attempt=read_attempt(administrator, request, body),
        )
        return json_response(self._render(registered))

    async def get(self, administrator: Administrator, request: Request) -> Response:
        """One key."""
        return json_response(self._render(await self._keys.get(administrator, request.path_params["external_key_id"])))

    async def validate(self, administrator: Administrator, request: Request) -> Response:
        """Lets the region try the key. `pending` when it has not reported in time."""
        key = await self._keys.validate(administrator, request.path_params["external_key_id"])
        return json_response(_status(key))

    async def remove(self, administrator: Administrator, request: Request) -> Response:
        """Removes a key that no project names."""
        removed = await self._keys.remove(administrator, request.path_params["external_key_id"])
        return json_response({**self._render(removed), "object": "organization.external_key.deleted", "deleted": True})

    def _render(self, found: KeyInUse) -> dict[str, Any]:
        key, checked_at_ms = found.key, found.key.check.reported_at_ms
        return {
            "id": key.id,
            "object": "organization.external_key",
            "type": "aws",
            "name": key.name,
            "kms_arn": key.kms_arn,
            "region": key.kms_region,
            "created_at": seconds(key.created_at_ms),
            "api_project_ids": found.project_ids,
            "purpose": _PURPOSE,
            "residency": self._keys.region(key).residency,
            **_status(key),
            "checked_at": None if checked_at_ms is None else seconds(checked_at_ms),
        }


def _status(key: ExternalKey) -> dict[str, str | None]:
    """OpenAI's `success`, or `failed` or `pending`, and the outcome that the region reported."""
    outcome = key.check.outcome
    if outcome is None:
        return {"status": "pending", "detail": None}
    return {"status": "success" if outcome is CheckOutcome.USABLE else "failed", "detail": outcome}


def _decode(data: bytes) -> _Register:
    require_aws(decode_json(data, AnyProvider), "type")
    body = decode_json(data, _Register)
    refuse_role("role_arn", body.role_arn)
    refuse_role("external_id", body.external_id)
    if body.purpose != _PURPOSE:
        raise errors.unsupported_parameter("purpose", f"The only purpose is '{_PURPOSE}'.")
    try:
        msgspec.convert(body.kms_arn, KmsArn)
    except msgspec.ValidationError:
        raise errors.invalid_value(
            "'kms_arn' must be the ARN of one key: arn:aws:kms:REGION:ACCOUNT:key/ID. An alias is refused, because it can be "
            "pointed at a key in another country.",
            "kms_arn",
        ) from None
    return body
