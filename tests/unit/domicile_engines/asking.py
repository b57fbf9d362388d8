"""Requests for an endpoint's reader, without a server and without a model."""

import asyncio
from typing import Any

import msgspec
import pytest
from starlette.requests import Request

from domicile.kernel.errors import DomicileError
from domicile_engines.endpoints.http import Read


async def read(reader: Read[Any], body: Any, content_type: str = "application/json") -> Any:
    """What a reader makes of a body: bytes, or values that are sent as JSON."""
    sent = body if isinstance(body, bytes) else msgspec.json.encode(body)
    messages = [{"type": "http.request", "body": sent, "more_body": False}]

    async def receive() -> Any:
        return messages.pop() if messages else await asyncio.Event().wait()

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-type", content_type.encode())]}
    return await reader(Request(scope, receive))


async def refused(reader: Read[Any], body: Any, content_type: str = "application/json") -> DomicileError:
    """The error that a reader raises for a body."""
    with pytest.raises(DomicileError) as caught:
        await read(reader, body, content_type)
    return caught.value
