"""The content of an embedding request (contract C25)."""

from domicile.catalogue.catalogue import ModelEntry
from domicile.data_plane.policy.content import ONLY_TEXT, Content, Inspect, Members
from domicile.kernel import errors
from domicile.openai_api.embeddings import VECTOR_SIZES, EmbeddingRequest


def embedding_inspection(_members: Members) -> Inspect:
    """The inspection of embedding requests: text or tokens. Checks `dimensions` against the model."""

    def inspect(request: EmbeddingRequest, model: ModelEntry) -> Content:
        if request.dimensions is not None and "dimensions" not in model.features:
            raise errors.unsupported_parameter(
                "dimensions", f"The model '{model.name}' has vectors of one length: leave it out."
            )
        size = VECTOR_SIZES.get(model.name)
        if request.dimensions is not None and size is not None and request.dimensions > size:
            raise errors.invalid_value(
                f"The model '{model.name}' has vectors of {size} numbers: 'dimensions' may ask for fewer.", "dimensions"
            )
        return ONLY_TEXT

    return inspect
