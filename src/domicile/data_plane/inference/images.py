"""Generated images (contract C21)."""

from dataclasses import dataclass

from domicile.boundary.usage import ImageSize, Usage
from domicile.catalogue.catalogue import ModelEntry
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.engines.port import EngineRequest
from domicile.data_plane.inference.adapter import JSON, ReplyNames, ReplyPart
from domicile.data_plane.limits.demand import Demand
from domicile.data_plane.policy.image_input import ImageHeader, read_header
from domicile.openai_api.images import (
    ImageRequest,
    bytes_of,
    check_image_request,
    decode_images,
    encode_for_engine,
    encode_images,
)


class ImagesAdapter:
    """The `EndpointAdapter` of images. Its reply holds the image bytes; `LinkedImages` replaces them by links on request."""

    endpoint = Endpoint.IMAGES_GENERATIONS

    def check(self, request: ImageRequest) -> None:
        """Check the prompt's text. Raises 400."""
        check_image_request(request)

    def media_type(self, _request: ImageRequest) -> str:
        """`application/json`."""
        return JSON

    def encode(self, request: ImageRequest, *, model: str, cache_salt: str | None) -> EngineRequest:
        """Encode as JSON. The salt is dropped: images use no prompt cache."""
        return EngineRequest(encode_for_engine(request, model=model))

    def demand(self, request: ImageRequest, _model: ModelEntry, _body_bytes: int) -> Demand:
        """The images."""
        return Demand(images=request.images)

    def request_usage(self, _request: ImageRequest, _sent: EngineRequest) -> Usage:
        """Empty: usage counts the images of the reply, not the prompt."""
        return Usage()

    def begin(self, request: ImageRequest, _names: ReplyNames) -> "_ImagesReader":
        """A reader of the images."""
        return _ImagesReader(request.images)


@dataclass(frozen=True, slots=True)
class _ImagesReader:
    images_max: int

    def reply(self, raw: bytes) -> ReplyPart:
        """Check number and type of the images. They must be PNG: links are served as `image/png`."""
        reply = decode_images(raw)
        if not 1 <= len(reply.data) <= self.images_max:
            raise ValueError("the engine returned no image or too many")
        headers = [read_header(bytes_of(image)) for image in reply.data]
        if any(header.kind != "png" for header in headers):
            raise ValueError("the engine's images are not PNG")
        return ReplyPart(encode_images(reply), Usage(images=len(headers)), image_size=_size(headers))


def _size(headers: list[ImageHeader]) -> ImageSize | None:
    sizes = {f"{header.width}x{header.height}" for header in headers}
    return ImageSize(sizes.pop()) if len(sizes) == 1 and sizes <= set(ImageSize) else None
