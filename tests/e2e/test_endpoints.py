"""Every endpoint in both regions through the official client, and what an administrator then sees of it (C05, C07, C15)."""

import asyncio
import time
from collections import Counter
from typing import Any

import pytest
from openai import AsyncOpenAI

from tests.e2e.conftest import RunningUp
from tests.platform.endpoint_uses import use_everything
from tests.platform.processes import eventually


def sums(up: RunningUp, project_id: str, kind: str, group_by: str = "model") -> list[dict[str, Any]]:
    """What the Admin API shows of a project's last minutes."""
    page = getattr(up.admin().admin.organization.usage, kind)(
        start_time=int(time.time()) - 900, bucket_width="1m", project_ids=[project_id], group_by=[group_by]
    )
    return [result.to_dict() for bucket in page.data for result in bucket.results]


@pytest.mark.contract("C05")
@pytest.mark.contract("C07")
@pytest.mark.contract("C15")
@pytest.mark.timeout(180)
@pytest.mark.parametrize("code", ["us", "eu"])
def test_each_endpoint_answers_and_what_it_used_is_seen_by_the_administrator(up: RunningUp, code: str) -> None:
    key = up.new_key(code)
    used: Counter[tuple[str, str, str]] = Counter()
    unsaid: set[tuple[str, str, str]] = set()
    for one in use_everything(up.client(code, key.secret)):
        sum_of = one.kind, one.model, one.quantity
        if one.count is None:
            unsaid.add(sum_of)
        else:
            assert one.count > 0
            used[sum_of] += one.count

    def seen() -> Counter[tuple[str, str, str]]:
        found: Counter[tuple[str, str, str]] = Counter()
        for kind, quantity in {(kind, quantity) for kind, _, quantity in (*used, *unsaid)}:
            for result in sums(up, key.project_id, kind):
                found[kind, result["model"], quantity] += result[quantity]
        return found

    def all_seen() -> bool:
        found = seen()
        return all(found.pop(each, 0) > 0 for each in unsaid) and found == used

    eventually(all_seen, what=f"the sums are {used}, and something of {unsaid}")
    by_size = Counter({each["size"]: each["images"] for each in sums(up, key.project_id, "images", "size")})
    assert by_size == {"1024x1024": 1, "1792x1024": 1}


async def in_chat(client: AsyncOpenAI) -> bool:
    stream = await client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": "Say hello."}],
        max_completion_tokens=4,
        stream=True,
    )
    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream]) != ""


async def in_completions(client: AsyncOpenAI) -> bool:
    stream = await client.completions.create(
        model="gpt-3.5-turbo-instruct", prompt="The sky is", max_tokens=4, stream=True
    )
    return "".join([chunk.choices[0].text async for chunk in stream]) != ""


async def in_embeddings(client: AsyncOpenAI) -> bool:
    answer = await client.embeddings.create(model="text-embedding-ada-002", input="Hello there.")
    return len(answer.data[0].embedding) > 100


async def in_audio(client: AsyncOpenAI) -> bool:
    async with client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="nova", input="Good morning.", response_format="wav"
    ) as response:
        assert response.headers["content-type"] == "audio/wav"
        spoken = b"".join([piece async for piece in response.iter_bytes()])
    answer = await client.audio.transcriptions.create(model="whisper-1", file=("speech.wav", spoken))
    return "morning" in answer.text.lower()


async def in_images(client: AsyncOpenAI) -> bool:
    answer = await client.images.generate(model="dall-e-3", prompt="A cat", response_format="b64_json")
    return answer.data is not None and bool(answer.data[0].b64_json)


async def in_moderations(client: AsyncOpenAI) -> bool:
    answer = await client.moderations.create(model="text-moderation-latest", input=["Hello there.", "Good evening."])
    return [result.flagged for result in answer.results] == [False, False]


@pytest.mark.contract("C15")
@pytest.mark.timeout(180)
async def test_the_asynchronous_client_uses_all_of_them_at_once_in_both_regions(up: RunningUp) -> None:
    keys = {code: up.new_key(code).secret for code in ("us", "eu")}
    clients = [AsyncOpenAI(api_key=keys[code], base_url=up.region_url(code), max_retries=0) for code in keys]
    uses = (in_chat, in_completions, in_embeddings, in_audio, in_images, in_moderations)
    assert all(await asyncio.gather(*(use(client) for client in clients for use in uses)))
    for client in clients:
        await client.close()
