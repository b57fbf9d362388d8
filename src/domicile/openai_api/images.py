"""POST /v1/images/generations: the request, closed, and the answer (`CreateImageRequest`, OpenAI's specification 2.3.0).

An engine is always asked for the pictures themselves. An address where it keeps one would lead the caller to wherever the
engine keeps things; addresses are the region's own (`data_plane/storage/image_links.py`).
"""

import binascii
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from domicile.kernel import errors
from domicile.openai_api.closed import ModelRequest
from domicile.openai_api.lenient import Lenient

MAX_PROMPT_LENGTH = 4000
"""Characters, as with dall-e-3."""
MAX_IMAGES = 10

Size = Literal["1024x1024", "1792x1024", "1024x1792"]


class ImageRequest(ModelRequest, frozen=True, kw_only=True):
    """All that a caller may say. null stands for the default, as in the specification."""

    prompt: str
    n: Annotated[int, Meta(ge=1, le=MAX_IMAGES)] | UnsetType | None = UNSET
    size: Size | UnsetType | None = UNSET
    quality: Literal["standard", "hd", "auto"] | UnsetType | None = UNSET
    style: Literal["vivid", "natural"] | UnsetType | None = UNSET
    response_format: Literal["url", "b64_json"] | UnsetType | None = UNSET
    user: str | UnsetType = UNSET
    # Of the GPT image models, which are not eligible: the catalogue refuses them by name.
    background: Any = UNSET
    moderation: Any = UNSET
    output_compression: Any = UNSET
    output_format: Any = UNSET
    partial_images: Any = UNSET
    stream: Any = UNSET

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
    return msgspec.json.encode(msgspec.structs.replace(request, model=model, user=UNSET, response_format="b64_json"))


def decode_images(data: bytes) -> ImageList:
    """An engine's answer, or one of ours. Raises ValueError."""
    return msgspec.json.decode(data, type=ImageList)


def bytes_of(image: Image) -> bytes:
    """A picture's bytes. Raises ValueError when it came as an address, or as something else than base64."""
    if not isinstance(image.b64_json, str):
        raise ValueError("the engine did not send the picture itself")
    return binascii.a2b_base64(image.b64_json, strict_mode=True)


def with_link(url: str, image: Image) -> Image:
    """The picture by an address."""
    return Image(url=url, revised_prompt=image.revised_prompt)


def encode_images(reply: ImageList) -> bytes:
    """The answer."""
    return msgspec.json.encode(reply)
