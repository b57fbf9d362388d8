"""What the drawing program cannot do of the images API: it has dall-e-3's parameters, and none of the GPT image models'."""

from domicile.kernel import errors
from domicile.openai_api.images import ImageRequest
from domicile_engines.endpoints.capability import check_model, refuse_members

MODEL_ID = "procedural-sketch"

_NOT_SERVED = {
    "background": "This engine paints the whole picture.",
    "moderation": "This engine can draw nothing that needed moderating.",
    "output_compression": "This engine makes PNG, which loses nothing.",
    "output_format": "This engine makes PNG.",
    "partial_images": "This engine shows finished pictures only.",
    "stream": "This engine shows finished pictures only.",
}


def check_capability(request: ImageRequest) -> None:
    """Raises `DomicileError` 404 for another model, 400 for what it cannot do."""
    refuse_members(request, _NOT_SERVED)
    check_model(request.model, MODEL_ID)
    if request.response_format != "b64_json":
        # An engine keeps nothing, so it has nothing that an address could lead to.
        reason = "This engine answers with the picture itself: set 'response_format' to 'b64_json'."
        raise errors.invalid_value(reason, "response_format")
