"""What a handler is given, and what becomes of its answer."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from starlette.requests import Request

from domicile.boundary.permissions import KeyScope
from domicile.data_plane.http.answer import Answer, AnyAnswer, StreamedAnswer, json_answer
from domicile.data_plane.http.handling import for_anybody, for_caller
from domicile.data_plane.http.middleware import CALLER
from domicile.data_plane.inference.cancellation import Cancellation
from domicile.data_plane.inference.request_context import RequestContext
from domicile.data_plane.policy.caller import Caller
from tests.unit.data_plane.region_parts import KEY_ID, organization_record, project_record

KNOWN = Caller(organization_record(), project_record(), KEY_ID, "eu")


class Client:
    """Sends one request without a body, stays, and keeps what is sent to it."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    async def get(self, application: Any, **members: Any) -> None:
        scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b"", **members}
        await application(scope, self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": True}

    async def _send(self, message: Any) -> None:
        self.messages.append(message)

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.messages[0]["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)


async def test_a_handler_is_given_the_caller_of_the_head_and_a_context_of_its_own() -> None:
    given: list[tuple[Caller, RequestContext]] = []

    async def handle(_request: Request, caller: Caller, context: RequestContext) -> AnyAnswer:
        given.append((caller, context))
        return json_answer({"is": "well"})

    client = Client()
    for request_id in ("req_1", "req_2"):
        await client.get(for_caller(KeyScope.MODEL_READ, handle), **{CALLER: KNOWN, "request_id": request_id})
    assert [(caller, context.request_id) for caller, context in given] == [(KNOWN, "req_1"), (KNOWN, "req_2")]
    assert given[0][1].cancellation is not given[1][1].cancellation
    assert (client.messages[0]["status"], client.headers[b"content-type"]) == (200, b"application/json")


async def test_headers_of_an_answer_are_sent() -> None:
    async def whole(_request: Request) -> AnyAnswer:
        return Answer(b"x", "text/plain", {"x-ratelimit-remaining-requests": "7"})

    client = Client()
    await client.get(for_anybody(whole))
    assert (client.headers[b"x-ratelimit-remaining-requests"], client.headers[b"content-length"]) == (b"7", b"1")
    assert client.body == b"x"


class StayingClient(Client):
    """Has sent its request, and says nothing more."""

    async def _receive(self) -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_streamed_answer_has_its_headers_and_no_length() -> None:
    async def pieces() -> AsyncGenerator[bytes, None]:
        yield b"one"
        yield b"two"

    async def streamed(_request: Request) -> AnyAnswer:
        return StreamedAnswer(pieces(), "audio/mpeg", Cancellation(), {"domicile-engine": "one"})

    client = StayingClient()
    await client.get(for_anybody(streamed))
    assert (client.headers[b"domicile-engine"], client.headers[b"content-type"]) == (b"one", b"audio/mpeg")
    assert b"content-length" not in client.headers
    assert client.body == b"onetwo"
