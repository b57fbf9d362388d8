"""One request of every endpoint through the official client, as a newcomer makes it, and what each used."""

from collections.abc import Iterator
from dataclasses import dataclass

from openai import OpenAI


@dataclass(frozen=True)
class Used:
    """What one request used, as its answer says or its content shows: a quantity of `/v1/organization/usage/KIND`."""

    endpoint: str
    kind: str
    model: str
    quantity: str
    count: int | None
    """None where no answer says it: at least one."""


def use_everything(client: OpenAI) -> Iterator[Used]:
    """Each endpoint once, on the models that ship with Domicile. Fails where an answer is not what it should be."""
    yield _chat(client)
    yield _completions(client)
    yield _embeddings(client)


def _chat(client: OpenAI) -> Used:
    answer = client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": "Say hello."}], max_completion_tokens=4
    )
    assert answer.usage is not None
    model, count = "gpt-4o-mini-2024-07-18", answer.usage.completion_tokens
    return Used("chat/completions", "completions", model, "output_tokens", count)


def _completions(client: OpenAI) -> Used:
    model = "gpt-3.5-turbo-instruct"
    answer = client.completions.create(model=model, prompt="The sky is", max_tokens=4)
    assert answer.usage is not None
    return Used("completions", "completions", model, "output_tokens", answer.usage.completion_tokens)


def _embeddings(client: OpenAI) -> Used:
    model = "text-embedding-3-small"
    answer = client.embeddings.create(model=model, input=["Hello there.", "Good evening."])
    return Used("embeddings", "embeddings", model, "input_tokens", answer.usage.prompt_tokens)
