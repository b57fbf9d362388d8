"""What a moderation request may hold, and what each of its results is about."""

from typing import Any

import pytest
from tests.unit.domicile_engines.asking import read, refused

from domicile_engines.endpoints.moderations.capability import CHARACTERS_MAX, IMAGES_MAX, MODEL_ID
from domicile_engines.endpoints.moderations.endpoint import ScoredInput, items, read_moderation

TEXT = {"type": "text", "text": "a"}
IMAGE = {"type": "image_url", "image_url": {"url": "data:x"}}


async def test_a_list_of_texts_is_many_items_and_parts_are_one() -> None:
    for given, expected in (
        ("a", [ScoredInput(["a"])]),
        (["a", ""], [ScoredInput(["a"]), ScoredInput([""])]),
        ([TEXT, IMAGE, TEXT], [ScoredInput(["a", "a"], [("input[1].image_url", "data:x")])]),
    ):
        assert items(await read(read_moderation, {"model": MODEL_ID, "input": given})) == expected


@pytest.mark.parametrize(
    ("members", "status", "param"),
    [
        ({"input": [IMAGE] * (IMAGES_MAX + 1)}, 400, "input"),
        ({"input": ["a" * (CHARACTERS_MAX // 2)] * 3}, 400, "input"),
        ({"model": "omni-moderation-latest"}, 404, "model"),
    ],
)
async def test_what_the_model_cannot_do_is_refused_by_name(members: dict[str, Any], status: int, param: str) -> None:
    error = await refused(read_moderation, {"model": MODEL_ID, "input": "a", **members})
    assert (error.category.value[0], error.param) == (status, param)
