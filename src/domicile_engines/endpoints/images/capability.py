"""The parts of the images API that the drawing program does not support.

It has the parameters of dall-e-3, and none of those that only the GPT image models have.
"""

from domicile.kernel import errors
from domicile.openai_api.images import ImageRequest
from domicile_engines.endpoints.capability import check_model, refuse_members

MODEL_ID = "procedural-sketch"

_NOT_SERVED = {
    "background": "This engine always draws the background.",
    "moderation": "This engine draws nothing that needs moderation.",
    "output_compression": "This engine makes PNG, which is lossless.",
    "output_format": "This engine makes PNG only.",
    "partial_images": "This engine sends finished images only.",
    "stream": "This engine sends finished images only.",
}


def check_capability(request: ImageRequest) -> None:
    """Raises `DomicileError` 404 for another model, 400 for anything that it does not support."""
    refuse_members(request, _NOT_SERVED)
    check_model(request.model, MODEL_ID)
    if request.response_format != "b64_json":
        # An engine stores nothing, so it has no image to link to.
        reason = "This engine sends the image in the reply: set 'response_format' to 'b64_json'."
        raise errors.invalid_value(reason, "response_format")
