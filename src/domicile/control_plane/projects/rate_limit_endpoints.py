"""Rate limits of projects over HTTP, in OpenAI's shapes."""

from typing import Annotated, Any

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from domicile.control_plane import control_errors
from domicile.control_plane.paging import listing
from domicile.control_plane.principals.principal import Administrator
from domicile.control_plane.projects.rate_limits import ModelLimits, ProjectRateLimits, RateLimitTooHighError
from domicile.kernel import errors
from domicile.web.bodies.body_limits import body_limit
from domicile.web.bodies.reading import json_response, read_json
from domicile.web.query import Query

BODY_LIMIT = body_limit("/v1/organization")

_LIMIT_DEFAULT = 100
_Limit = Annotated[int, Meta(ge=1, le=2**40)]
_NAMES = {
    "max_requests_per_1_minute": "requests_per_minute",
    "max_tokens_per_1_minute": "tokens_per_minute",
    "max_images_per_1_minute": "images_per_minute",
    "max_audio_megabytes_per_1_minute": "audio_megabytes_per_minute",
    "max_requests_per_1_day": "requests_per_day",
    "batch_1_day_max_input_tokens": "batch_queue_tokens",
}
"""OpenAI's names of the limits, and ours."""


class _Modify(Struct, forbid_unknown_fields=True):
    max_requests_per_1_minute: _Limit | None = None
    max_tokens_per_1_minute: _Limit | None = None
    max_images_per_1_minute: _Limit | None = None
    max_audio_megabytes_per_1_minute: _Limit | None = None
    max_requests_per_1_day: _Limit | None = None
    batch_1_day_max_input_tokens: _Limit | None = None


class RateLimitEndpoints:
    """Handlers; the URL map is in `control_plane.http`."""

    def __init__(self, rate_limits: ProjectRateLimits) -> None:
        self._rate_limits = rate_limits

    async def page(self, administrator: Administrator, request: Request) -> Response:
        """One page of the limits in force, in the catalogue's order."""
        query = Query(request, {"limit", "after", "before"})
        size = query.integer("limit", minimum=1, maximum=_LIMIT_DEFAULT) or _LIMIT_DEFAULT
        found = [
            _render(each) for each in await self._rate_limits.all(administrator, request.path_params["project_id"])
        ]
        ids = [each["id"] for each in found]
        after, before = query.text("after"), query.text("before")
        if after is not None and before is not None:
            raise errors.invalid_value("Give 'after' or 'before', not both.", "before")
        for name, cursor in (("after", after), ("before", before)):
            if cursor is not None and cursor not in ids:
                raise errors.invalid_value(f"'{name}' must be the id of a rate limit of this project.", name)
        if before is not None:
            end = ids.index(before)
            start = max(0, end - size)
            return json_response(listing(found[start:end], has_more=start > 0))
        start = 0 if after is None else ids.index(after) + 1
        return json_response(listing(found[start : start + size], has_more=start + size < len(found)))

    async def modify(self, administrator: Administrator, request: Request) -> Response:
        """Lowers limits of one model, or raises them again up to the catalogue's."""
        body = await read_json(request, _Modify, limit_bytes=BODY_LIMIT)
        values = {ours: getattr(body, theirs) for theirs, ours in _NAMES.items() if getattr(body, theirs) is not None}
        project_id, rate_limit_id = request.path_params["project_id"], request.path_params["rate_limit_id"]
        try:
            changed = await self._rate_limits.modify(administrator, project_id, rate_limit_id, values)
        except RateLimitTooHighError as error:
            name = next(theirs for theirs, ours in _NAMES.items() if ours == error.name)
            raise control_errors.rate_limit_too_high(name, error.model, error.highest) from None
        return json_response(_render(changed))


def _render(found: ModelLimits) -> dict[str, Any]:
    """Limits that the model does not have are left out, as the specification says."""
    limits = {theirs: getattr(found.limits, ours) for theirs, ours in _NAMES.items()}
    present = {name: value for name, value in limits.items() if value is not None}
    return {"object": "project.rate_limit", "id": found.id, "model": found.model, **present}
