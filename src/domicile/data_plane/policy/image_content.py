"""The content of a request for images (contract C21). Its input is text, so the rule for image inputs (C03) does not apply."""

from domicile.catalogue.catalogue import ModelEntry
from domicile.data_plane.policy.content import ONLY_TEXT, Content, Inspect, Members
from domicile.kernel import errors
from domicile.openai_api.images import ImageRequest


def image_inspection(_members: Members) -> Inspect:
    """The inspection of requests for images: several at a time need a model that makes several."""

    def inspect(request: ImageRequest, model: ModelEntry) -> Content:
        if request.images > 1 and "several_images" not in model.features:
            raise errors.invalid_value(
                f"The model '{model.name}' makes one image at a time: leave 'n' out, and send several requests.", "n"
            )
        return ONLY_TEXT

    return inspect
