"""The moderation model in its process, by the official SDK."""

from typing import Any

import openai
import pytest
from tests.pictures import PNG_URL

PARTS: Any = [
    {"type": "text", "text": "I will find you and break your legs."},
    {"type": "image_url", "image_url": {"url": PNG_URL}},
]


@pytest.mark.contract("C23")
def test_the_sdk_reads_its_scores(sdk: openai.OpenAI) -> None:
    answer = sdk.moderations.create(model="domicile-moderation", input=PARTS)
    [result] = answer.results
    assert result.flagged
    assert result.categories.harassment_threatening
    assert 0.5 <= result.category_scores.harassment_threatening <= 1
    assert result.category_applied_input_types.sexual == ["text", "image"]


def test_it_is_one_of_the_engines_models(sdk: openai.OpenAI) -> None:
    assert "domicile-moderation" in [model.id for model in sdk.models.list().data]
