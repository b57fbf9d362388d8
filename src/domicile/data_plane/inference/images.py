"""Generated images (contract C21)."""

from domicile.boundary.usage import ImageSize, Usage
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.engines.port import EngineRequest
from domicile.data_plane.inference.adapter import JSON, ReplyNames, ReplyPart, RequestT
from domicile.data_plane.inference.cancellation import Cancellation
from domicile.data_plane.inference.preparation import Prepared
from domicile.data_plane.limits.reservation import Reservation
from domicile.data_plane.policy.image_input import ImageHeader, read_header
from domicile.data_plane.storage.image_links import ImageLinks
from domicile.openai_api.images import (
    ImageRequest,
    bytes_of,
    check_image_request,
    decode_images,
    encode_for_engine,
    encode_images,
)


class ImagesAdapter:
    """See `EndpointAdapter`. The answer holds the pictures themselves; who asked for links gets them from `ImageLinks`."""

    endpoint = Endpoint.IMAGES_GENERATIONS

    def check(self, request: ImageRequest) -> None:
        """See `EndpointAdapter`."""
        check_image_request(request)

    def media_type(self, _request: ImageRequest) -> str:
        """See `EndpointAdapter`."""
        return JSON

    def encode(self, request: ImageRequest, *, model: str, cache_salt: str | None) -> EngineRequest:
        """See `EndpointAdapter`. Pictures have no prompt cache, so there is nothing to salt."""
        return EngineRequest(encode_for_engine(request, model=model))

    def request_usage(self, _request: ImageRequest, _sent: EngineRequest) -> Usage:
        """See `EndpointAdapter`. Images are counted, not what they were made from."""
        return Usage()

    def reply(self, raw: bytes, request: ImageRequest, _names: ReplyNames) -> ReplyPart:
        """See `EndpointAdapter`. Each image must be a PNG: callers are told so, and links are served as such."""
        reply = decode_images(raw)
        if not 1 <= len(reply.data) <= request.images:
            raise ValueError("the engine made another number of images than was asked for")
        headers = [read_header(bytes_of(image)) for image in reply.data]
        if any(header.kind != "png" for header in headers):
            raise ValueError("the engine's images are not PNG")
        return ReplyPart(encode_images(reply), Usage(images=len(headers)), image_size=_size(headers))


class RoomForLinks:
    """See `Preparation`. A project whose links hold all that they may is told before an engine works for nothing."""

    def __init__(self, links: ImageLinks) -> None:
        self._links = links

    async def prepare(
        self, reservation: Reservation, prepared: Prepared[RequestT], _cancellation: Cancellation
    ) -> Prepared[RequestT]:
        """Raises 429 when there is no room."""
        if isinstance(prepared.request, ImageRequest) and prepared.request.wants_links:
            await self._links.require_room(reservation.admission.caller.project.project_id)
        return prepared


def _size(headers: list[ImageHeader]) -> ImageSize | None:
    sizes = {f"{header.width}x{header.height}" for header in headers}
    return ImageSize(sizes.pop()) if len(sizes) == 1 and sizes <= set(ImageSize) else None
