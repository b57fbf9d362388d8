"""One project keeps an engine busy with all that it may send: another project's request is next all the same."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack

import httpx2
import pytest

from tests.platform.installation import Installation
from tests.platform.processes import eventually

RUNNING, WAITING = 2, 6
DEADLINE_S = 60.0


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    limits = f"max_concurrency = {RUNNING}\nmax_queue = {WAITING}\nqueue_timeout_s = 600"
    running = Installation(tmp_path_factory.mktemp("turns"), engine_extra=limits)
    try:
        yield running.start()
    finally:
        running.stop()


def waiting(installation: Installation) -> int:
    [engine] = installation.region_operator("eu", "/operator/v1/health").json()["engines"]
    count: int = engine["waiting"]
    return count


async def test_the_other_project_gets_the_next_free_place(installation: Installation) -> None:
    async with AsyncExitStack() as stack:

        async def caller() -> httpx2.AsyncClient:
            headers = {"authorization": f"Bearer {installation.new_key('eu').secret}"}
            client = httpx2.AsyncClient(base_url=installation.region_url("eu"), headers=headers, timeout=DEADLINE_S)
            return await stack.enter_async_context(client)

        crowd, other = await caller(), await caller()
        running = [asyncio.create_task(ask(crowd, "do:endless", stream=True)) for _ in range(RUNNING)]
        with installation.engine("eu") as engine:
            await asyncio.to_thread(
                eventually, lambda: engine.get("/open").json()["open"] == RUNNING, within_s=DEADLINE_S
            )
        queued = [asyncio.create_task(ask(crowd, f"crowd {number}")) for number in range(WAITING // 2)]
        await asyncio.to_thread(eventually, lambda: waiting(installation) == WAITING // 2, within_s=DEADLINE_S)
        refused = await ask(crowd, "one too many")
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "engine_unavailable")
        assert refused.headers["retry-after"] == "1"

        patient = asyncio.create_task(ask(other, "the other's"))
        await asyncio.to_thread(eventually, lambda: waiting(installation) == WAITING // 2 + 1, within_s=DEADLINE_S)
        running.pop().cancel()
        assert (await patient).status_code == 200
        assert [answer.status_code for answer in await asyncio.gather(*queued)] == [200] * len(queued)
        running.pop().cancel()
        with installation.engine("eu") as engine:
            texts = [each["body"]["messages"][0]["content"] for each in engine.get("/requests").json()]
        assert texts[: RUNNING + 1] == ["do:endless"] * RUNNING + ["the other's"]
        assert sorted(texts[RUNNING + 1 :]) == [f"crowd {number}" for number in range(len(queued))]


async def ask(client: httpx2.AsyncClient, text: str, *, stream: bool = False) -> httpx2.Response:
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": text}], "stream": stream}
    return await client.post("/v1/chat/completions", json=body)
