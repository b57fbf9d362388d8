"""POST /v1/images/generations: the request, closed, and the answer (`CreateImageRequest`, OpenAI's specification 2.3.0).

An engine is always asked for the pictures themselves. An address where it keeps one would lead the caller to wherever the
engine keeps things; addresses are the region's own (`data_plane/storage/image_links.py`).
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
    """All that a caller may say."""

    # The specification supposes dall-e-2, which is not eligible: the one model of the contract stands in its place. A factory,
    # since a plain default would be left out when a request is encoded.
    model: ModelName = msgspec.field(default_factory=lambda: DEFAULT_MODEL)
    prompt: str
    n: Annotated[int, Meta(ge=1, le=MAX_IMAGES)] | None = None
    size: Size | None = None
    quality: Literal["standard", "hd", "auto"] | None = None
    style: Literal["vivid", "natural"] | None = None
    response_format: Literal["url", "b64_json"] | None = None
    user: str | None = None
    # Of the GPT image models, which are not eligible: the catalogue refuses every value but the default.
    background: Literal["transparent", "opaque", "auto"] | None = None
    moderation: Literal["low", "auto"] | None = None
    output_compression: Annotated[int, Meta(ge=0, le=100)] | None = None
    output_format: Literal["png", "jpeg", "webp"] | None = None
    partial_images: Annotated[int, Meta(ge=0, le=3)] | None = None
    stream: bool | None = None

    @property
    def images(self) -> int:
        """How many are asked for."""
        return self.n or 1

    @property
    def wants_links(self) -> bool:
        """Whether the answer holds addresses, which is the default, or the pictures themselves."""
        return self.response_format != "b64_json"


class Image(Lenient, frozen=True):
    """One picture, by its bytes in base64 or by an address."""

    b64_json: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    revised_prompt: str | UnsetType | None = UNSET


class ImageList(Lenient, frozen=True):
    """The pictures. What else the specification has is of the GPT image models."""

    data: list[Image]
    created: int = msgspec.field(default_factory=int)


def check_image_request(request: ImageRequest) -> None:
    """The rules that types cannot say. Raises `DomicileError` 400 with the member at fault."""
    if not request.prompt.strip():
        raise errors.invalid_value("'prompt' must not be empty: say what the image should show.", "prompt")
    if len(request.prompt) > MAX_PROMPT_LENGTH:
        raise errors.invalid_value(
            f"'prompt' has {len(request.prompt)} characters: at most {MAX_PROMPT_LENGTH}.", "prompt"
        )


def encode_for_engine(request: ImageRequest, *, model: str) -> bytes:
    """The bytes for an engine: what was read, its own name for the model, and that it answers with the pictures themselves;
    never who the user is."""
    return msgspec.json.encode(msgspec.structs.replace(request, model=model, user=None, response_format="b64_json"))


def decode_images(data: bytes) -> ImageList:
    """An engine's answer, or one of ours. Raises ValueError."""
    return msgspec.json.decode(data, type=ImageList)


def bytes_of(image: Image) -> bytes:
    """A picture's bytes. Raises ValueError when it came as an address, or as something else than base64."""
    if not isinstance(image.b64_json, str):
        raise ValueError("the engine did not send the picture itself")
    return decode_base64(image.b64_json)


def with_link(url: str, image: Image) -> Image:
    """The picture by an address."""
    return Image(url=url, revised_prompt=image.revised_prompt)


def encode_images(reply: ImageList) -> bytes:
    """The answer."""
    return msgspec.json.encode(reply)
