"""Work goes on while the client is connected, and it is known who ended it."""

import asyncio
from collections.abc import AsyncGenerator, MutableMapping
from typing import Any

import pytest

from domicile.data_plane.http.answer import StreamedAnswer
from domicile.data_plane.http.streaming import StreamedResponse, while_connected
from domicile.data_plane.inference.cancellation import Cancellation
from domicile.data_plane.metering.entry import Outcome
from domicile.web.application import ClientDisconnectedError


class Client:
    """The `receive` of a client that stays until `leave` is set."""

    def __init__(self) -> None:
        self.leave = asyncio.Event()

    async def receive(self) -> MutableMapping[str, Any]:
        await self.leave.wait()
        return {"type": "http.disconnect"}


class Work:
    """Work that begins and then waits for ever. It records how it ended."""

    def __init__(self, cancellation: Cancellation) -> None:
        self.began = asyncio.Event()
        self.outcome: Outcome | None = None
        self._cancellation = cancellation

    async def run(self) -> None:
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.outcome = self._cancellation.outcome


async def nobody_watches() -> None:
    """Waits until no other task is left: a watcher that stays would wait for ever."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait_for(asyncio.gather(*others, return_exceptions=True), 10)


async def test_work_that_ends_gives_its_result_and_no_watcher_stays() -> None:
    async def quick() -> str:
        await asyncio.sleep(0)
        return "done"

    assert await while_connected(Client().receive, quick(), Cancellation()) == "done"
    await nobody_watches()


async def test_a_client_that_leaves_cancels_the_work() -> None:
    client, cancellation = Client(), Cancellation()
    work = Work(cancellation)
    connected = asyncio.create_task(while_connected(client.receive, work.run(), cancellation))
    await work.began.wait()
    client.leave.set()
    with pytest.raises(ClientDisconnectedError):
        await connected
    assert work.outcome is Outcome.CLIENT_LEFT
    await nobody_watches()


async def test_a_server_that_stops_cancels_the_work_and_stays_cancelled() -> None:
    cancellation = Cancellation()
    work = Work(cancellation)
    connected = asyncio.create_task(while_connected(Client().receive, work.run(), cancellation))
    await work.began.wait()
    connected.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connected
    assert work.outcome is Outcome.CUT_OFF
    await nobody_watches()


async def test_a_server_that_stops_as_the_client_leaves_is_not_held_up() -> None:
    client, cancellation = Client(), Cancellation()
    ending = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ending.set()
            await asyncio.sleep(0)

    connected = asyncio.create_task(while_connected(client.receive, work(), cancellation))
    client.leave.set()
    await ending.wait()
    connected.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connected


@pytest.mark.parametrize(("leaves", "outcome"), [(True, Outcome.CLIENT_LEFT), (False, Outcome.CUT_OFF)])
async def test_a_stream_knows_who_ended_it(leaves: bool, outcome: Outcome) -> None:
    client, cancellation, sent, ended = Client(), Cancellation(), [], []
    begun = asyncio.Event()

    async def pieces() -> AsyncGenerator[bytes, None]:
        try:
            yield b"data: 1\n\n"
            begun.set()
            await asyncio.Event().wait()
        finally:
            ended.append(cancellation.outcome)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    response = StreamedResponse(StreamedAnswer(pieces(), "text/event-stream", cancellation))
    sending = asyncio.create_task(response({"type": "http"}, client.receive, send))
    await begun.wait()
    if leaves:
        client.leave.set()
    else:
        sending.cancel()
    with pytest.raises(ClientDisconnectedError if leaves else asyncio.CancelledError):
        await sending
    assert ended == [outcome]
    # Only a client that is still there is told.
    assert (b"stopping" in sent[-1]["body"]) is not leaves
    await nobody_watches()
