"""One request, one reply: whole, streamed or refused, and never a word of the request in a log."""

import asyncio
import logging
from typing import Any

import msgspec
import pytest

from domicile_engines.endpoints.http import Endpoint, EngineRequest, Reply
from domicile_engines.runtime.errors import Refusal


async def ask(endpoint: Endpoint, body: bytes = b"", *, leaves: bool = False) -> list[Any]:
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

    scope = {"type": "http", "headers": [(b"content-type", b"multipart/form-data; boundary=x")]}
    await endpoint(scope, receive, send)
    return sent


def error_of(sent: list[Any]) -> Any:
    return msgspec.json.decode(sent[-1]["body"])["error"]


async def test_the_answer_gets_the_body_and_its_content_type() -> None:
    async def answer(request: EngineRequest, reply: Reply) -> None:
        await reply.whole(request.content_type.encode() + b"|" + request.body, "text/plain")

    start, body = await ask(Endpoint(answer), b"abc")
    assert body["body"] == b"multipart/form-data; boundary=x|abc"
    assert dict(start["headers"]) == {b"content-type": b"text/plain", b"content-length": b"35"}


async def test_a_body_beyond_the_limit_is_refused() -> None:
    async def answer(_: EngineRequest, reply: Reply) -> None:
        await reply.json(b"{}")

    assert (await ask(Endpoint(answer, 4), b"abcd"))[0]["status"] == 200
    refused = await ask(Endpoint(answer, 4), b"abcde")
    assert (refused[0]["status"], error_of(refused)["code"]) == (413, "request_too_large")


async def test_a_refusal_in_a_stream_of_events_is_its_last_event() -> None:
    async def answer(_: EngineRequest, reply: Reply) -> None:
        await reply.event(b"1")
        raise Refusal(503, "engine_unavailable", "No more.")

    sent = await ask(Endpoint(answer))
    assert sent[0]["status"] == 200
    assert sent[1]["body"] == b"data: 1\n\n"
    assert sent[2]["body"].startswith(b'data: {"error":{"message":"No more."')
    assert sent[3] == {"type": "http.response.body", "body": b"", "more_body": False}


async def test_bytes_that_have_begun_are_cut_off_and_never_end_as_if_whole() -> None:
    async def answer(_: EngineRequest, reply: Reply) -> None:
        await reply.part(b"\x00\x01", "audio/mpeg")
        raise ValueError("SECRET")

    with pytest.raises(ConnectionAbortedError):
        await ask(Endpoint(answer))


async def test_a_client_that_leaves_cancels_the_answer() -> None:
    cancelled = asyncio.Event()

    async def answer(_: EngineRequest, __: Reply) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    assert await ask(Endpoint(answer), leaves=True) == []
    assert cancelled.is_set()


async def test_a_failure_says_nothing_of_what_was_asked(caplog: pytest.LogCaptureFixture) -> None:
    async def answer(request: EngineRequest, _: Reply) -> None:
        raise ValueError(request.body)

    with caplog.at_level(logging.DEBUG):
        sent = await ask(Endpoint(answer), b"SECRET")
    assert (sent[0]["status"], error_of(sent)["code"]) == (503, "engine_unavailable")
    assert "ValueError" in caplog.text
    assert "SECRET" not in caplog.text + repr(sent)
