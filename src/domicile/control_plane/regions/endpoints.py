"""Regions over HTTP: the operator's calls, and the regions' own calls on the boundary listener."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from domicile.boundary.enrollment import EnrollmentRequest
from domicile.boundary.snapshot import SnapshotQuery
from domicile.boundary.time import TimeQuery
from domicile.control_plane.idempotency import read_attempt
from domicile.control_plane.principals.principal import EnrolledRegion, Operator
from domicile.control_plane.regions.epochs import Epochs
from domicile.control_plane.regions.service import Regions, RegionStatus
from domicile.kernel.clock import seconds
from domicile.web.bodies.body_limits import body_limit
from domicile.web.bodies.json_body import decode_json
from domicile.web.bodies.reading import json_response, read_json
from domicile.web.query import Query

BODY_LIMIT = body_limit("/boundary/v1/enroll")


class OperatorRegionEndpoints:
    """The operator's calls about regions."""

    def __init__(self, regions: Regions, epochs: Epochs) -> None:
        self._regions = regions
        self._epochs = epochs

    async def declare_epoch(self, operator: Operator, _request: Request) -> Response:
        """Declares a new epoch, after a restore from a backup: the regions then accept this database's older content."""
        return json_response({"object": "epoch", "epoch": await self._epochs.declare(operator)})

    async def list_regions(self, operator: Operator, request: Request) -> Response:
        """Every configured region with its replicas."""
        Query(request, ())
        regions = [_render(status) for status in await self._regions.status(operator)]
        return json_response({"object": "list", "data": regions})

    async def make_token(self, operator: Operator, request: Request) -> Response:
        """Makes the token with which a region enrolls. Only this answer shows it."""
        code, attempt = request.path_params["code"], read_attempt(operator, request)
        token, expires_at_ms = await self._regions.make_token(operator, code, attempt)
        return json_response({"token": token, "expires_at": seconds(expires_at_ms)})


class BoundaryEndpoints:
    """The regions' calls. Each answers for the calling region only."""

    def __init__(self, regions: Regions) -> None:
        self._regions = regions

    async def enroll(self, request: Request) -> Response:
        """Enrolls a region. Unsigned: the token's single-use secret proves the region."""
        body = await read_json(request, EnrollmentRequest, limit_bytes=BODY_LIMIT)
        return json_response(await self._regions.enroll(body))

    async def time(self, request: Request) -> Response:
        """The control plane's time. Unsigned: a region asks when its clock is too far off to sign. The time is no secret."""
        query = await read_json(request, TimeQuery, limit_bytes=BODY_LIMIT)
        return json_response(self._regions.signed_time(query.nonce))

    async def snapshot(self, region: EnrolledRegion, _request: Request, body: bytes) -> Response:
        """A long poll: 200 with a newer manifest, or 204 when there is none."""
        manifest = await self._regions.newer_snapshot(region, decode_json(body, SnapshotQuery))
        return Response(status_code=204) if manifest is None else json_response(manifest)

    async def shard(self, region: EnrolledRegion, request: Request, _body: bytes) -> Response:
        """A shard's bytes, exactly as hashed."""
        body = self._regions.shard(region, request.path_params["sha256"])
        return Response(body, media_type="application/json")


def _render(status: RegionStatus) -> dict[str, Any]:
    region = status.settings
    return {
        "object": "region",
        "code": region.code,
        "public_url": region.public_url,
        "residency": region.residency,
        "geography": region.geography,
        "countries": sorted(region.country_codes),
        "requires": sorted(region.requires),
        "enrolled": status.enrolled_at_ms is not None,
        "enrolled_at": None if status.enrolled_at_ms is None else seconds(status.enrolled_at_ms),
        "epoch": status.published[0],
        "number": status.published[1],
        "new_epoch_required": status.new_epoch_required,
        "root_key": status.root_key_id,
        "root_key_is_current": status.root_key_is_current,
        "replicas": [
            {
                "id": replica,
                "epoch": contact.version[0],
                "number": contact.version[1],
                "last_contact_age_seconds": round(contact.age_s, 3),
            }
            for replica, contact in sorted(status.replicas.items())
        ],
    }
