"""The content of a moderation request (contract C23)."""

from domicile.catalogue.catalogue import ModelEntry
from domicile.data_plane import region_errors
from domicile.data_plane.policy.content import Content, Inspect, Members, image_address
from domicile.openai_api.moderations import ModerationRequest


def moderation_inspection(members: Members) -> Inspect:
    """The inspection of moderation requests: texts and images. Raises KeyError when the catalogue has no rule for images."""
    rule = members["input[].image_url.url"]

    def inspect(request: ModerationRequest, model: ModelEntry) -> Content:
        images = tuple(request.images())
        needs = {"text"} if any(True for _ in request.texts()) else set()
        if images:
            if "image" not in model.modalities:
                raise region_errors.modality_not_supported(
                    images[0][0], f"The model '{model.name}' moderates text only. Send images to another model."
                )
            needs.add("image")
        addresses = tuple(found for path, url in images for found in image_address(url, f"{path}.url", rule))
        return Content(frozenset(needs), images[0][0] if images else None, addresses)

    return inspect
