"""The embedding model in its process, by the official SDK."""

import openai
import pytest


@pytest.mark.contract("C25")
def test_the_sdk_reads_its_vectors(sdk: openai.OpenAI) -> None:
    answer = sdk.embeddings.create(model="all-minilm-l6-v2", input=["one", "two"])
    assert [len(item.embedding) for item in answer.data] == [384, 384]
    assert answer.usage.prompt_tokens == 6


def test_it_is_one_of_the_engines_models(sdk: openai.OpenAI) -> None:
    assert "all-minilm-l6-v2" in [model.id for model in sdk.models.list().data]
