"""Organizations and their agreements over HTTP, for the operator only."""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from domicile.catalogue.endpoints import Endpoint
from domicile.control_plane.agreements.service import Agreements
from domicile.control_plane.idempotency import read_attempt
from domicile.control_plane.names import Name
from domicile.control_plane.organizations.service import Organizations, OrganizationStatus
from domicile.control_plane.paging import PAGE_PARAMETERS, listing, window
from domicile.control_plane.principals.principal import Operator
from domicile.kernel.clock import seconds
from domicile.web.bodies.body_limits import body_limit
from domicile.web.bodies.reading import json_response, read_json
from domicile.web.query import Query

BODY_LIMIT = body_limit("/operator/v1")


class _Create(Struct, forbid_unknown_fields=True):
    name: Name


class _Merge(Struct, forbid_unknown_fields=True):
    enterprise_agreement: bool | UnsetType = UNSET
    zdr_eligible: bool | UnsetType = UNSET
    zdr_endpoints: list[Endpoint] | Literal["all"] | UnsetType = UNSET
    enhanced_zdr: bool | UnsetType = UNSET

    def requested(self) -> dict[str, Any]:
        """The members that the request sets, by name. `"all"` stands for every endpoint."""
        values: dict[str, Any] = {
            name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not UNSET
        }
        if "zdr_endpoints" in values:
            endpoints = Endpoint if self.zdr_endpoints == "all" else values["zdr_endpoints"]
            values["zdr_endpoints"] = tuple(sorted(set(endpoints)))
        return values


class OrganizationEndpoints:
    """Handlers. `/operator/v1/organization` is a fixed path for the first organization."""

    def __init__(self, organizations: Organizations, agreements: Agreements) -> None:
        self._organizations = organizations
        self._agreements = agreements

    async def page(self, operator: Operator, request: Request) -> Response:
        """One page of organizations, oldest first by default."""
        organizations, has_more = await self._organizations.page(operator, window(Query(request, PAGE_PARAMETERS)))
        return json_response(listing([_render(status) for status in organizations], has_more=has_more))

    async def create(self, operator: Operator, request: Request) -> Response:
        """Creates an organization and its first admin key. Only this answer shows the key."""
        body = await read_json(request, _Create, limit_bytes=BODY_LIMIT)
        new = await self._organizations.create(operator, body.name, read_attempt(operator, request, body))
        status = OrganizationStatus(new.organization, new.agreement)
        key = {"id": new.admin_key.key.id, "value": new.admin_key.secret.value}
        return json_response({**_render(status), "admin_api_key": key})

    async def get(self, operator: Operator, request: Request) -> Response:
        """One organization."""
        return json_response(_render(await self._organizations.get(operator, self._id(request))))

    async def merge(self, operator: Operator, request: Request) -> Response:
        """Records the agreements that the request names, and leaves the others."""
        body = await read_json(request, _Merge, limit_bytes=BODY_LIMIT)
        organization_id = self._id(request)
        await self._agreements.merge(operator, organization_id, body.requested())
        return json_response(_render(await self._organizations.get(operator, organization_id)))

    def _id(self, request: Request) -> str:
        organization_id: str = request.path_params.get("organization_id", self._organizations.first_organization_id)
        return organization_id


def _render(status: OrganizationStatus) -> dict[str, Any]:
    organization, agreement = status.organization, status.agreement
    return {
        "object": "organization",
        "id": organization.id,
        "name": organization.name,
        "created_at": seconds(organization.created_at_ms),
        "enterprise_agreement": agreement.enterprise_agreement,
        "zdr_eligible": agreement.zdr_eligible,
        "zdr_endpoints": list(agreement.zdr_endpoints),
        "enhanced_zdr": agreement.enhanced_zdr,
        "retention": organization.retention,
    }
