"""An image request as this engine reads it: dall-e-3's parameters; what only the GPT image models have is refused by name."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from domicile_engines.runtime.errors import invalid, other_model
from domicile_engines.runtime.json_request import read_request

MODEL_ID = "procedural-sketch"
PROMPT_LENGTH_MAX = 4000
"""Characters, as with dall-e-3."""
PICTURES_MAX = 10
SIZES = {"1024x1024": (1024, 1024), "1792x1024": (1792, 1024), "1024x1792": (1024, 1792)}

_NOT_SERVED = {
    "background": "This engine paints the whole picture.",
    "moderation": "This engine can draw nothing that needed moderating.",
    "output_compression": "This engine makes PNG, which loses nothing.",
    "output_format": "This engine makes PNG.",
    "partial_images": "This engine shows finished pictures only.",
    "stream": "This engine shows finished pictures only.",
}


class ImageRequest(Struct, forbid_unknown_fields=True):
    """All that this engine serves of the images API."""

    model: str
    prompt: str
    n: Annotated[int, Meta(ge=1, le=PICTURES_MAX)] | None = None
    size: str | None = None
    quality: Literal["standard", "hd", "auto"] | None = None
    style: Literal["vivid", "natural"] | None = None
    response_format: Literal["b64_json", "url"] | None = None
    user: str | None = None

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height."""
        return SIZES[self.size or "1024x1024"]


def decode(body: bytes) -> ImageRequest:
    """Read a request's body, or refuse it with the member that is wrong."""
    request = read_request(body, ImageRequest, _NOT_SERVED)
    if request.model != MODEL_ID:
        raise other_model(MODEL_ID)
    if not request.prompt.strip():
        raise invalid("'prompt' is empty. Say what is to be drawn.", "prompt")
    if len(request.prompt) > PROMPT_LENGTH_MAX:
        raise invalid(f"'prompt' may have at most {PROMPT_LENGTH_MAX} characters.", "prompt")
    if request.size is not None and request.size not in SIZES:
        raise invalid(f"'size' must be one of {', '.join(SIZES)}.", "size")
    if request.response_format != "b64_json":
        # An engine keeps nothing, so it has nothing that an address could lead to.
        raise invalid(
            "This engine answers with the picture itself: set 'response_format' to 'b64_json'.", "response_format"
        )
    return request
