"""What the request path knows of an engine. Metering cannot be forgotten: usage is in what an engine returns."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from domicile.catalogue.endpoints import Endpoint
from domicile.kernel.errors import DomicileError


class EngineFailedError(Exception):
    """The engine could not be asked, refused to work or broke off, before the first byte of an answer: another one may be
    tried."""

    def __init__(self, refusal: DomicileError | None = None) -> None:
        super().__init__()
        self.refusal = refusal
        """What the caller is told when there is no other."""


class EngineUnreachedError(EngineFailedError):
    """Nobody listens there."""


class EngineBusyError(EngineFailedError):
    """It has more to do than it can, or than it may for its account: nothing is wrong with it."""


class LeftQueueError(asyncio.CancelledError):
    """The client left while the request waited for its turn: nothing has run."""


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """What an engine is sent: the re-encoding of what policy read (design 4.6), never the client's bytes."""

    body: bytes
    content_type: str = "application/json"
    """For a multipart body with its boundary."""


@dataclass(frozen=True, slots=True)
class EngineCall:
    """One request at one engine: all that an engine learns of it."""

    endpoint: Endpoint
    model: str
    """The engine's own name for the model."""
    project_id: str
    """The caller's project. The queue and the embedded engines let projects take turns; no other engine is told."""
    request: EngineRequest


class Engine(Protocol):
    """One engine. All calls raise `DomicileError` for what the caller must know, `EngineFailedError` for what it need not."""

    async def complete(self, call: EngineCall) -> bytes:
        """The whole reply to a unary request, as the engine sent it."""
        ...

    async def stream(self, call: EngineCall) -> AsyncGenerator[bytes, None]:
        """Returns once the first event has come; then yields the data of each server-sent event.

        `[DONE]` is not yielded: the iterator ends there. Ending early, by the engine's doing, raises `DomicileError`.
        Closing the iterator closes the connection, which is how an engine learns that nobody listens any more.
        """
        ...

    async def stream_bytes(self, call: EngineCall) -> AsyncGenerator[bytes, None]:
        """The same for an answer that is not events, such as sound: yields its bytes as they come, until it ends."""
        ...
