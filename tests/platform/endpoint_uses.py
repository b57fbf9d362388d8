"""One request of every endpoint through the official client, and what it used."""

from collections.abc import Callable
from dataclasses import dataclass

from openai import OpenAI


@dataclass(frozen=True)
class Used:
    """What one request used, as its answer says or its content shows: a quantity of `/v1/organization/usage/KIND`."""

    kind: str
    model: str
    quantity: str
    count: int


def chat(client: OpenAI) -> Used:
    answer = client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": "Say hello."}], max_completion_tokens=4
    )
    assert answer.usage is not None
    return Used("completions", "gpt-4o-mini-2024-07-18", "output_tokens", answer.usage.completion_tokens)


def completions(client: OpenAI) -> Used:
    answer = client.completions.create(model="gpt-3.5-turbo-instruct", prompt="The sky is", max_tokens=4)
    assert answer.usage is not None
    return Used("completions", "gpt-3.5-turbo-instruct", "output_tokens", answer.usage.completion_tokens)


def embeddings(client: OpenAI) -> Used:
    answer = client.embeddings.create(model="text-embedding-3-small", input=["Hello there.", "Good evening."])
    return Used("embeddings", "text-embedding-3-small", "input_tokens", answer.usage.prompt_tokens)


ENDPOINTS: tuple[Callable[[OpenAI], Used], ...] = (chat, completions, embeddings)
