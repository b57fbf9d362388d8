"""Settings of a project's service tier over HTTP, in the shapes of OpenAI's clients. The specification has no such path."""

from typing import Any, Literal

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from domicile.boundary.usage import ServiceTier
from domicile.control_plane.principals.principal import Administrator
from domicile.control_plane.projects.service_tier_settings import ServiceTierSettings
from domicile.kernel import errors
from domicile.web.bodies.body_limits import body_limit
from domicile.web.bodies.reading import json_response, read_json
from domicile.web.query import Query

BODY_LIMIT = body_limit("/v1/organization")

_TIERS = {"standard": ServiceTier.DEFAULT, "scale": ServiceTier.SCALE}
"""OpenAI's names, and ours."""


class _Update(Struct, forbid_unknown_fields=True):
    default: Literal["standard", "fast", "scale"] | None = None
    enabled_tiers: Literal["all"] | list[Literal["flex", "fast", "ultrafast"]] | None = None


class ServiceTierSettingsEndpoints:
    """Handlers; the URL map is in `control_plane.http`."""

    def __init__(self, settings: ServiceTierSettings) -> None:
        self._settings = settings

    async def get(self, administrator: Administrator, request: Request) -> Response:
        """The default tier. No further tiers can be enabled."""
        Query(request, ())
        return json_response(_render(await self._settings.get(administrator, request.path_params["project_id"])))

    async def update(self, administrator: Administrator, request: Request) -> Response:
        """Sets the default tier."""
        body = await read_json(request, _Update, limit_bytes=BODY_LIMIT)
        if body.enabled_tiers:
            raise errors.invalid_value("No further service tiers are served here: send [].", "enabled_tiers")
        if body.default == "fast":
            raise errors.invalid_value("'default' must be one of: standard, scale.", "default")
        if body.default is not None:
            tier = _TIERS[body.default]
            await self._settings.set(administrator, request.path_params["project_id"], tier)
        return json_response(_render(await self._settings.get(administrator, request.path_params["project_id"])))


def _render(tier: ServiceTier) -> dict[str, Any]:
    name = next(theirs for theirs, ours in _TIERS.items() if ours is tier)
    return {"object": "project.service_tier_settings", "default": name, "enabled_tiers": []}
