"""The port of engines: the calls, their values and their errors."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from domicile.catalogue.endpoints import Endpoint
from domicile.kernel.errors import DomicileError
from domicile.kernel.rank import Rank


class EngineFailedError(Exception):
    """The engine was unreachable, unavailable or failed before the first byte of an answer. The router may try another."""

    def __init__(self, refusal: DomicileError | None = None) -> None:
        super().__init__()
        self.refusal = refusal
        """The error for the caller if no other engine can be tried. None for a general one."""


class EngineUnreachedError(EngineFailedError):
    """No connection to the engine could be made."""


class EngineBusyError(EngineFailedError):
    """The engine, its account or its queue is at capacity. This is no fault of the engine."""


class LeftQueueError(asyncio.CancelledError):
    """The request was cancelled while it waited in the queue. No engine ran."""


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """The request for an engine: the admitted request, encoded anew (design 4.6). Never the client's bytes."""

    body: bytes
    content_type: str = "application/json"
    """With the boundary for a multipart body."""


@dataclass(frozen=True, slots=True)
class EngineCall:
    """One call of an engine: everything that an engine is given."""

    endpoint: Endpoint
    model: str
    """The engine's own name for the model."""
    project_id: str
    """The caller's project, for fair turns in the queue and in embedded engines. No other engine is sent it."""
    request: EngineRequest
    rank: Rank = Rank.DEFAULT
    """Its order among the requests that wait. A line of a batch takes a place of the batches' share only."""


class Engine(Protocol):
    """One engine. Calls raise `DomicileError` as the caller's error, `EngineFailedError` if another engine may be tried."""

    async def complete(self, call: EngineCall) -> bytes:
        """The whole reply, in OpenAI's format."""
        ...

    async def stream(self, call: EngineCall) -> AsyncGenerator[bytes, None]:
        """Return once the first event has come. The generator yields the data of each server-sent event.

        It ends at `[DONE]` without yielding it, and raises `DomicileError` if the engine breaks off earlier. Closing it closes
        the connection, so that the engine stops.
        """
        ...

    async def stream_bytes(self, call: EngineCall) -> AsyncGenerator[bytes, None]:
        """Like `stream`, for answers that are not events, such as sound: yields the bytes until the answer ends."""
        ...
