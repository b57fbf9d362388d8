"""One request, one reply: whole, streamed or refused, and never a word of the request in a log."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from starlette.requests import Request
from starlette.routing import Route

from domicile.web.application import Application
from domicile_engines.endpoints.http import HttpReply, ModelEndpoint
from domicile_engines.runtime.engine_errors import model_failed

TENANT = (b"domicile-tenant", b"proj_1")


async def read_all(request: Request) -> bytes:
    return await request.body()


async def ask(answer: Callable[..., Any], body: bytes = b"", *, leaves: bool = False) -> list[Any]:
    """What the endpoint sends. The client says nothing more, or leaves once its body has been read."""
    messages: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]
    if leaves:
        messages.append({"type": "http.disconnect"})
    sent: list[Any] = []

    async def receive() -> Any:
        if messages:
            return messages.pop(0)
        return await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [TENANT], "query_string": b"", "root_path": ""}
    await Application([Route("/", ModelEndpoint(read_all, answer), methods=["POST"])])(scope, receive, send)
    return sent


def error_of(sent: list[Any]) -> Any:
    return msgspec.json.decode(sent[-1]["body"])["error"]


async def test_the_answer_gets_the_request_and_whose_turn_it_is() -> None:
    async def answer(body: bytes, project: str, reply: HttpReply) -> None:
        await reply.whole(project.encode() + b"|" + body, "text/plain")

    start, body = await ask(answer, b"abc")
    assert body["body"] == b"proj_1|abc"
    assert (b"content-type", b"text/plain") in start["headers"]
    assert (b"content-length", b"10") in start["headers"]


async def test_a_refusal_in_a_stream_of_events_is_its_last_event() -> None:
    async def answer(_: bytes, __: str, reply: HttpReply) -> None:
        await reply.event(b"1")
        raise model_failed()

    sent = await ask(answer)
    assert sent[0]["status"] == 200
    assert sent[1]["body"] == b"data: 1\n\n"
    assert sent[2]["body"].startswith(b'data: {"error":{"message":"The model failed')
    assert sent[3] == {"type": "http.response.body", "body": b"", "more_body": False}


async def test_bytes_that_have_begun_are_cut_off_and_never_end_as_if_whole() -> None:
    async def answer(_: bytes, __: str, reply: HttpReply) -> None:
        await reply.part(b"\x00\x01", "audio/mpeg")
        raise ValueError("SECRET")

    assert [message.get("more_body") for message in await ask(answer)] == [None, True]


async def test_a_client_that_leaves_cancels_the_answer() -> None:
    cancelled = asyncio.Event()

    async def answer(*_: object) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    assert await ask(answer, leaves=True) == []
    assert cancelled.is_set()


async def test_a_failure_says_nothing_of_what_was_asked(caplog: pytest.LogCaptureFixture) -> None:
    async def answer(body: bytes, *_: object) -> None:
        raise ValueError(body)

    with caplog.at_level(logging.DEBUG):
        sent = await ask(answer, b"SECRET")
    assert (sent[0]["status"], error_of(sent)["code"]) == (503, "engine_unavailable")
    assert "ValueError" in caplog.text
    assert "SECRET" not in caplog.text + repr(sent)
