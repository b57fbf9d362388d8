"""Links in place of generated images (design 5). One step checks the quota before routing, one stores the images afterwards."""

from dataclasses import replace

from domicile.data_plane.inference.adapter import ReplyPart, RequestT
from domicile.data_plane.inference.preparation import Prepared
from domicile.data_plane.inference.request_context import RequestContext
from domicile.data_plane.limits.reservation import Reservation
from domicile.data_plane.metering.entry import LedgerEntry
from domicile.data_plane.routing import Placement
from domicile.data_plane.storage.image_links import ImageLinks
from domicile.openai_api.images import ImageList, ImageRequest, bytes_of, decode_images, encode_images, with_link
from domicile.process.off_loop import off_loop


class RoomForLinks:
    """The `Preparation` that refuses a request for links when the project's link quota is full."""

    def __init__(self, links: ImageLinks) -> None:
        self._links = links

    async def prepare(
        self, reservation: Reservation, prepared: Prepared[RequestT], _context: RequestContext
    ) -> Prepared[RequestT]:
        """Raises 429 when the quota is full, so that no engine works in vain."""
        if _wants_links(prepared.request):
            await self._links.require_room(reservation.admission.caller.project.project_id)
        return prepared


class LinkedImages:
    """The `Completion` that stores each image of a reply and replaces it by its link."""

    def __init__(self, links: ImageLinks) -> None:
        self._links = links

    async def complete(self, placement: Placement, entry: LedgerEntry, part: ReplyPart) -> ReplyPart:
        """Raises the region database's errors. Images stored before such an error expire after an hour like all others."""
        if not _wants_links(placement.reservation.admission.request):
            return part
        reply, pictures = await off_loop(lambda: _read(part.body), len(part.body), entry.project_id)
        linked = [
            with_link(await self._links.store(entry.project_id, picture), image)
            for picture, image in zip(pictures, reply.data, strict=True)
        ]
        return replace(part, body=encode_images(type(reply)(linked, reply.created)))


def _wants_links(request: object) -> bool:
    return isinstance(request, ImageRequest) and request.wants_links


def _read(body: bytes) -> tuple[ImageList, list[bytes]]:
    reply = decode_images(body)
    return reply, [bytes_of(image) for image in reply.data]
