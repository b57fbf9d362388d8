"""External storages over HTTP, in OpenAI's shapes. `provider.country`, `detail` and `checked_at` are ours."""

from typing import Any, Literal

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from domicile.boundary.enrollment import CountryCode
from domicile.boundary.outside_services import BucketName, CheckOutcome, SigningRegion
from domicile.control_plane.external_storage.repository import ExternalStorage
from domicile.control_plane.external_storage.service import ExternalStorages
from domicile.control_plane.idempotency import read_attempt
from domicile.control_plane.names import Identifier
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


class _AnyBody(Struct):
    provider: AnyProvider


class _Provider(Struct, forbid_unknown_fields=True):
    type: Literal["aws"]
    bucket: str
    region: str
    country: str
    role_arn: str | None = None
    external_id: str | None = None


class _Register(Struct, forbid_unknown_fields=True):
    project_id: Identifier
    provider: _Provider


class ExternalStorageEndpoints:
    """Handlers; the URL map is in `control_plane.http`."""

    def __init__(self, storages: ExternalStorages) -> None:
        self._storages = storages

    async def page(self, administrator: Administrator, request: Request) -> Response:
        """One page of the organization's storages. `project_id` filters."""
        query = Query(request, PAGE_PARAMETERS | {"project_id"})
        storages, has_more = await self._storages.page(
            administrator, window(query), project_id=query.text("project_id")
        )
        return json_response(listing([self._render(storage) for storage in storages], has_more=has_more))

    async def register(self, administrator: Administrator, request: Request) -> Response:
        """Registers a bucket for a project."""
        body = await read_json_by(request, _decode, limit_bytes=BODY_LIMIT)
        storage = await self._storages.register(
            administrator,
            project_id=body.project_id,
            bucket=body.provider.bucket,
            signing_region=body.provider.region,
            country=body.provider.country,
            attempt=read_attempt(administrator, request, body),
        )
        return json_response(self._render(storage))

    async def get(self, administrator: Administrator, request: Request) -> Response:
        """One storage."""
        storage = await self._storages.get(administrator, request.path_params["external_storage_id"])
        return json_response(self._render(storage))

    async def validate(self, administrator: Administrator, request: Request) -> Response:
        """Lets the region try the bucket. `pending` when it has not reported in time."""
        storage = await self._storages.validate(administrator, request.path_params["external_storage_id"])
        return json_response(self._render(storage))

    async def remove(self, administrator: Administrator, request: Request) -> Response:
        """Removes the storage of an archived project. The bucket stays as it is."""
        storage_id = request.path_params["external_storage_id"]
        await self._storages.remove(administrator, storage_id)
        return json_response({"id": storage_id, "object": "organization.external_storage.deleted", "deleted": True})

    def _render(self, storage: ExternalStorage) -> dict[str, Any]:
        checked_at_ms = storage.check.reported_at_ms
        return {
            "id": storage.id,
            "object": "organization.external_storage",
            "created_at": seconds(storage.created_at_ms),
            "project_id": storage.project_id,
            "geography": self._storages.region(storage).geography,
            "provider": {
                "type": "aws",
                "bucket": storage.bucket,
                "region": storage.signing_region,
                "country": storage.country,
            },
            "status": _status(storage.check.outcome),
            "detail": storage.check.outcome,
            "checked_at": None if checked_at_ms is None else seconds(checked_at_ms),
        }


def _status(outcome: CheckOutcome | None) -> str:
    """OpenAI's values. We do not use `degraded`: the region can use the bucket, or it cannot."""
    if outcome is None:
        return "pending"
    return "validated" if outcome is CheckOutcome.USABLE else "unhealthy"


def _decode(data: bytes) -> _Register:
    require_aws(decode_json(data, _AnyBody).provider, "provider.type")
    body = decode_json(data, _Register)
    provider = body.provider
    refuse_role("provider.role_arn", provider.role_arn)
    refuse_role("provider.external_id", provider.external_id)
    for param, value, type_, meaning in (
        ("bucket", provider.bucket, BucketName, "the name of a bucket, not its ARN: 3 to 63 of a-z, 0-9, '.' and '-'"),
        ("region", provider.region, SigningRegion, "the provider's region, such as eu-central-1"),
        ("country", provider.country, CountryCode, "the country of the bucket, two letters, such as DE"),
    ):
        try:
            msgspec.convert(value, type_)
        except msgspec.ValidationError:
            raise errors.invalid_value(f"'provider.{param}' must be {meaning}.", f"provider.{param}") from None
    return body
