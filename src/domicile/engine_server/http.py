"""What the engine needs of HTTP: a bounded body, a JSON answer, and to notice that the client has left."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress

from starlette.types import Receive, Send

from domicile.engine_server.errors import Refusal

BODY_BYTES_MAX = 1024 * 1024


class ClientLeft(Exception):  # noqa: N818 - an event, not a fault
    """Nobody is there to read an answer."""


async def read_body(receive: Receive) -> bytes:
    """The request's body."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        body += message.get("body", b"")
        if len(body) > BODY_BYTES_MAX:
            raise Refusal(413, "request_too_large", f"The body is larger than {BODY_BYTES_MAX} bytes.")
        if not message.get("more_body", False):
            return bytes(body)


async def until_client_leaves(receive: Receive, work: Coroutine[None, None, None]) -> None:
    """Run `work` to its end, or cancel it when the client goes: its slot belongs to those who wait."""
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_client_leaves(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientLeft
        await working
    finally:
        for task in (working, leaving):
            task.cancel()
            with suppress(BaseException):
                await task


async def _client_leaves(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def send_json(send: Send, status: int, body: bytes, retry_after_seconds: int | None = None) -> None:
    """A whole answer."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if retry_after_seconds is not None:
        headers.append((b"retry-after", str(retry_after_seconds).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
