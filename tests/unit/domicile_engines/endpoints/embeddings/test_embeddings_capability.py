"""What the embedding model refuses of a request that is right in itself."""

from typing import Any

import pytest
from tests.unit.domicile_engines.asking import read, refused

from domicile_engines.endpoints.embeddings.endpoint import read_embedding
from domicile_engines.models.minilm.model import DIMENSIONS_MAX, MODEL_ID


@pytest.mark.parametrize(
    ("members", "status", "param"),
    [({"model": "text-embedding-3-small"}, 404, "model"), ({"dimensions": DIMENSIONS_MAX + 1}, 400, "dimensions")],
)
async def test_what_the_model_cannot_do_is_refused_by_name(members: dict[str, Any], status: int, param: str) -> None:
    error = await refused(read_embedding, {"model": MODEL_ID, "input": "a", **members})
    assert (error.category.value[0], error.param) == (status, param)


async def test_the_longest_vector_is_served() -> None:
    asked = {"model": MODEL_ID, "input": "a", "dimensions": DIMENSIONS_MAX, "user": "somebody"}
    assert (await read(read_embedding, asked)).dimensions == DIMENSIONS_MAX
