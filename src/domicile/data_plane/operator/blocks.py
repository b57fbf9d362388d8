"""/operator/v1/blocks: blocks and unblocks keys and projects in this region, without the control plane."""

from typing import Annotated, Any

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from domicile.data_plane.blocks import BlockedSubject, Blocks
from domicile.kernel import errors
from domicile.kernel.clock import seconds
from domicile.web.bodies.reading import json_response, read_json

BODY_LIMIT = 4 * 1024

Subject = Annotated[str, Meta(pattern=r"^(key|proj)_[0-9A-Za-z]{24}\Z")]


class _Add(Struct, forbid_unknown_fields=True):
    id: Subject


class BlockEndpoints:
    """The handlers of these paths. An id need not be in the snapshot: a later snapshot may bring it back."""

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks

    async def list(self, _request: Request) -> Response:
        """Answer with all blocks, oldest first."""
        return json_response({"object": "list", "data": [_render(found) for found in await self._blocks.list()]})

    async def add(self, request: Request) -> Response:
        """Block a key or project. The block is in force and on disk before the answer."""
        body = await read_json(request, _Add, limit_bytes=BODY_LIMIT)
        return json_response(_render(await self._blocks.add(body.id)))

    async def remove(self, request: Request) -> Response:
        """Remove a block. Raises 404 when there is none."""
        subject = request.path_params["subject"]
        if not await self._blocks.remove(subject):
            raise errors.not_found("block", subject)
        return json_response({"object": "region.block.deleted", "id": subject, "deleted": True})


def _render(block: BlockedSubject) -> dict[str, Any]:
    return {"object": "region.block", "id": block.subject, "blocked_at": seconds(block.blocked_at_ms)}
