"""The limits of the moderation model within the moderations API."""

from domicile.kernel import errors
from domicile.openai_api.moderations import ModerationRequest
from domicile_engines.endpoints.capability import check_model

MODEL_ID = "domicile-moderation"
CHARACTERS_MAX = 100_000
"""Maximum in all texts of a request: about ten seconds of work."""
IMAGES_MAX = 10


def check_capability(request: ModerationRequest) -> None:
    """Raises `DomicileError` 404 for another model, 400 for more images or text than one request may have."""
    check_model(request.model, MODEL_ID)
    images = sum(1 for _ in request.images()) if isinstance(request.input, list) else 0
    if images > IMAGES_MAX:
        raise errors.invalid_value(f"'input' has {images} images; at most {IMAGES_MAX} can be sent at once.", "input")
    characters = sum(map(len, request.texts()))
    if characters > CHARACTERS_MAX:
        raise errors.invalid_value(
            f"'input' has {characters} characters in all; at most {CHARACTERS_MAX}. Send it in several requests.",
            "input",
        )
