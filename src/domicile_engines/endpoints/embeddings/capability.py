"""The parts of the embeddings API that the model does not support."""

from domicile.kernel import errors
from domicile.openai_api.embeddings import EmbeddingRequest
from domicile_engines.endpoints.capability import check_model
from domicile_engines.models.minilm.model import DIMENSIONS_MAX, MODEL_ID


def check_capability(request: EmbeddingRequest) -> None:
    """Raises `DomicileError` 404 for another model, 400 for more than `DIMENSIONS_MAX` dimensions."""
    check_model(request.model, MODEL_ID)
    if (request.dimensions or 0) > DIMENSIONS_MAX:
        raise errors.invalid_value(f"'dimensions' is {request.dimensions}: at most {DIMENSIONS_MAX}.", "dimensions")
