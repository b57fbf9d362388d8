"""One request of every endpoint through the official client, as a newcomer makes it, and what each used."""

import base64
import math
from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
from openai import OpenAI

from tests.recordings import SELFISH


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
    yield from _images(client)
    yield _moderations(client)
    yield from _audio(client)


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


def _images(client: OpenAI) -> Iterator[Used]:
    answer = client.images.generate(
        model="dall-e-3", prompt="A house beside a tree under the moon", response_format="b64_json"
    )
    assert answer.data is not None
    assert base64.b64decode(answer.data[0].b64_json or "")[1:4] == b"PNG"
    yield Used("images/generations", "images", "dall-e-3", "images", 1)
    answer = client.images.generate(model="dall-e-3", prompt="A cat", size="1792x1024")
    assert answer.data is not None
    assert httpx2.get(answer.data[0].url or "").content[1:4] == b"PNG"
    yield Used("images/generations", "images", "dall-e-3", "images", 1)


def _moderations(client: OpenAI) -> Used:
    answer = client.moderations.create(input="I will find you and break your legs.")
    assert answer.model == "omni-moderation-latest"
    assert answer.results[0].categories.harassment_threatening
    return Used("moderations", "moderations", answer.model, "input_tokens", None)


def _audio(client: OpenAI) -> Iterator[Used]:
    text = "Good evening."
    assert client.audio.speech.create(model="tts-1", input=text, voice="alloy").content
    yield Used("audio/speech", "audio_speeches", "tts-1", "characters", len(text))
    model, file, whole_seconds = "whisper-1", ("a.flac", SELFISH.content), math.ceil(SELFISH.seconds)
    assert "selfish" in client.audio.transcriptions.create(model=model, file=file).text
    yield Used("audio/transcriptions", "audio_transcriptions", model, "seconds", whole_seconds)
    assert "selfish" in client.audio.translations.create(model=model, file=file).text
    yield Used("audio/translations", "audio_transcriptions", model, "seconds", whole_seconds)
