"""POST /v1/images/generations: the request, closed, and the reply (`CreateImageRequest`, OpenAI's specification 2.3.0).

An engine always sends the image bytes. A link of the engine would lead the caller to the engine's own storage, wherever that
is. Links are the region's own (`data_plane/storage/image_links.py`).
"""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from domicile.kernel import errors
from domicile.kernel.base64_text import decode_base64
from domicile.openai_api.closed import ModelName, ModelRequest
from domicile.openai_api.lenient import Lenient

DEFAULT_MODEL = "dall-e-3"
MAX_PROMPT_LENGTH = 4000
"""Characters, as with dall-e-3."""
MAX_IMAGES = 10

Size = Literal["auto", "1024x1024", "1792x1024", "1024x1792"]


class ImageRequest(ModelRequest, frozen=True, kw_only=True):
    """The request, with every member that the API allows."""

    # The specification's default is dall-e-2, which is not eligible. So the default is the contract's only image model. It
    # comes from a factory, because a plain default would be omitted when the request is encoded.
    model: ModelName = msgspec.field(default_factory=lambda: DEFAULT_MODEL)
    prompt: str
    n: Annotated[int, Meta(ge=1, le=MAX_IMAGES)] | None = None
    size: Size | None = None
    quality: Literal["standard", "hd", "auto"] | None = None
    style: Literal["vivid", "natural"] | None = None
    response_format: Literal["url", "b64_json"] | None = None
    user: str | None = None
    # Parameters of the GPT image models, which are not eligible. The catalogue refuses every value but the default.
    background: Literal["transparent", "opaque", "auto"] | None = None
    moderation: Literal["low", "auto"] | None = None
    output_compression: Annotated[int, Meta(ge=0, le=100)] | None = None
    output_format: Literal["png", "jpeg", "webp"] | None = None
    partial_images: Annotated[int, Meta(ge=0, le=3)] | None = None
    stream: bool | None = None

    @property
    def images(self) -> int:
        """How many images the caller wants."""
        return self.n or 1

    @property
    def wants_links(self) -> bool:
        """Whether the caller wants links, which is the default, instead of the image bytes."""
        return self.response_format != "b64_json"


class Image(Lenient, frozen=True):
    """One image, as base64 or as a link."""

    b64_json: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    revised_prompt: str | UnsetType | None = UNSET


class ImageList(Lenient, frozen=True):
    """The images. The specification's other members belong to the GPT image models."""

    data: list[Image]
    created: int = msgspec.field(default_factory=int)


def check_image_request(request: ImageRequest) -> None:
    """Check the rules that types cannot express. Raises `DomicileError` 400 that names the member."""
    if not request.prompt.strip():
        raise errors.invalid_value("'prompt' must not be empty: say what the image should show.", "prompt")
    if len(request.prompt) > MAX_PROMPT_LENGTH:
        raise errors.invalid_value(
            f"'prompt' has {len(request.prompt)} characters: at most {MAX_PROMPT_LENGTH}.", "prompt"
        )


def encode_for_engine(request: ImageRequest, *, model: str) -> bytes:
    """Encode the parsed request for an engine, without `user`, and with `b64_json` as the format.

    `model`: the engine's own name for the model.
    """
    return msgspec.json.encode(msgspec.structs.replace(request, model=model, user=None, response_format="b64_json"))


def decode_images(data: bytes) -> ImageList:
    """Decode an engine's reply, or a reply of the region. Raises ValueError."""
    return msgspec.json.decode(data, type=ImageList)


def bytes_of(image: Image) -> bytes:
    """The image's bytes. Raises ValueError if it is a link or is not valid base64."""
    if not isinstance(image.b64_json, str):
        raise ValueError("the engine sent no image bytes")
    return decode_base64(image.b64_json)


def with_link(url: str, image: Image) -> Image:
    """The image with a link in place of its bytes."""
    return Image(url=url, revised_prompt=image.revised_prompt)


def encode_images(reply: ImageList) -> bytes:
    """Encode a reply for the caller."""
    return msgspec.json.encode(reply)
