"""The bodies of all requests together, whoever sends them."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
import pytest_asyncio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from domicile.kernel.errors import DomicileError
from domicile.web.application import BODY_HOLD, Application
from domicile.web.bodies.body_memory import SMALL_BYTES, BodyMemory
from domicile.web.bodies.reading import read_body

MIB = 1024 * 1024


def refused(memory: BodyMemory, account: str, size: int) -> bool:
    hold = memory.hold()
    hold.account = account
    try:
        hold.grow_by(size)
    except DomicileError as error:
        assert (error.code, error.retry_after_s) == ("service_unavailable", 2)
        hold.release()
        return True
    return False


def test_nobody_alone_has_more_than_half() -> None:
    memory = BodyMemory(10 * MIB)
    assert not refused(memory, "one", 4 * MIB)
    assert refused(memory, "one", 2 * MIB)
    assert not refused(memory, "other", 4 * MIB)
    assert refused(memory, "third", 4 * MIB), "all together have no more than all of it"
    assert not refused(memory, "third", SMALL_BYTES), "a question is answered all the same"


def test_what_is_released_is_there_again() -> None:
    memory = BodyMemory(10 * MIB)
    hold = memory.hold()
    for size in (1 * MIB, 1 * MIB, 3 * MIB):
        hold.grow_by(size)
    assert memory.held_bytes == 5 * MIB - SMALL_BYTES
    hold.release()
    hold.release()
    assert memory.held_bytes == 0
    assert not refused(memory, "", 5 * MIB)


class Listener:
    """An application that holds each body until it is told to answer."""

    def __init__(self) -> None:
        self.memory = BodyMemory(10 * MIB)
        self.reading = asyncio.Event()
        self.answering = asyncio.Event()
        self.app = Application([Route("/", self.take, methods=["POST"])], body_memory=self.memory)

    async def take(self, request: Request) -> Response:
        request.scope[BODY_HOLD].account = request.headers["x-account"]
        await read_body(request, limit_bytes=20 * MIB)
        self.reading.set()
        await self.answering.wait()
        return Response()


@pytest_asyncio.fixture
async def listener() -> AsyncIterator[tuple[Listener, httpx2.AsyncClient]]:
    made = Listener()
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=made.app), base_url="http://listener", trust_env=False
    ) as client:
        yield made, client


async def test_a_body_is_held_until_its_request_is_answered(listener: tuple[Listener, httpx2.AsyncClient]) -> None:
    made, client = listener
    first = asyncio.create_task(client.post("/", content=b"x" * 4 * MIB, headers={"x-account": "one"}))
    await made.reading.wait()
    second = await client.post("/", content=b"x" * 4 * MIB, headers={"x-account": "one"})
    assert second.status_code == 503
    assert (second.json()["error"]["code"], second.headers["retry-after"]) == ("service_unavailable", "2")
    made.answering.set()
    assert (await first).status_code == 200
    assert made.memory.held_bytes == 0
    assert (await client.post("/", content=b"x" * 4 * MIB, headers={"x-account": "one"})).status_code == 200


@pytest.mark.parametrize("size", [21 * MIB, 6 * MIB])
async def test_a_refused_request_holds_nothing(listener: tuple[Listener, httpx2.AsyncClient], size: int) -> None:
    made, client = listener
    answer = await client.post("/", content=b"x" * size, headers={"x-account": "one"})
    assert answer.status_code in {413, 503}
    assert made.memory.held_bytes == 0
