"""The queue of an engine: bounds the running and waiting requests, with fair turns between projects.

The router checks for room first. The queue also reports each request's end to the engine's circuit breaker.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, nullcontext
from dataclasses import replace
from types import TracebackType

import structlog

from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane import region_errors
from domicile.data_plane.circuit_breaker import Trial
from domicile.data_plane.engines.port import (
    Engine,
    EngineBusyError,
    EngineCall,
    EngineFailedError,
    EngineUnreachedError,
    LeftQueueError,
)
from domicile.data_plane.engines.upstream import Upstream
from domicile.data_plane.routing import EngineCondition, Router
from domicile.kernel.errors import Category, DomicileError
from domicile.kernel.fair_turns import NoRoomError
from domicile.kernel.rank import Rank
from domicile.openai_api.engine_body import with_scheduling
from domicile.settings.engines import EngineSettings

log = structlog.get_logger("engines")

_RANKED = frozenset({Endpoint.CHAT_COMPLETIONS, Endpoint.COMPLETIONS})
_FAULTS = frozenset({Category.UNAVAILABLE, Category.TIMEOUT})


class QueuedEngine:
    """An `Engine` behind its queue. A request waits until a place is free or its client leaves."""

    def __init__(self, engine: Engine, settings: EngineSettings, condition: EngineCondition) -> None:
        self._engine = engine
        self._condition = condition
        self._timeout_s = settings.queue_timeout_s
        self._is_preemptive = settings.preemptive

    async def complete(self, call: EngineCall) -> bytes:
        """The engine's whole reply, once a place is free."""
        async with _share_of_batches(self._condition, call), _Turn(self._condition, call, self._timeout_s):
            return await self._engine.complete(self._ranked(call))

    async def stream(self, call: EngineCall) -> AsyncGenerator[bytes, None]:
        """The engine's events, once a place is free. The place is held until the stream is closed."""
        return await self._streamed(call, events=True)

    async def stream_bytes(self, call: EngineCall) -> AsyncGenerator[bytes, None]:
        """The engine's bytes, once a place is free. The place is held until the stream is closed."""
        return await self._streamed(call, events=False)

    async def _streamed(self, call: EngineCall, *, events: bool) -> AsyncGenerator[bytes, None]:
        parts = self._parts(call, events=events)
        # Advance to the first, empty, yield: only a generator that has started frees its place when it is closed.
        await anext(parts)
        return parts

    async def _parts(self, call: EngineCall, *, events: bool) -> AsyncGenerator[bytes, None]:
        async with _share_of_batches(self._condition, call), _Turn(self._condition, call, self._timeout_s) as turn:
            open_stream = self._engine.stream if events else self._engine.stream_bytes
            async with aclosing(await open_stream(self._ranked(call))) as parts:
                turn.answered()
                yield b""
                async for part in parts:
                    self._condition.answered()
                    yield part

    def _ranked(self, call: EngineCall) -> EngineCall:
        """The call as a preemptive engine gets it, with its rank unless that is the engine's default."""
        if not (self._is_preemptive and call.rank and call.endpoint in _RANKED):
            return call
        body = with_scheduling(call.request.body, cache_salt=None, priority=call.rank)
        return replace(call, request=replace(call.request, body=body))


def queued(
    settings: Sequence[EngineSettings], engines: Sequence[Upstream], router: Router
) -> Mapping[str, QueuedEngine]:
    """Put each engine behind a queue. Returns them by name."""
    return {
        engine.name: QueuedEngine(upstream, engine, router.condition(engine.name))
        for engine, upstream in zip(settings, engines, strict=True)
    }


@asynccontextmanager
async def _share_of_batches(condition: EngineCondition, call: EngineCall) -> AsyncGenerator[None, None]:
    """Hold one of the places of batches, where the call is a line of one. It waits for as long as it takes."""
    if call.rank is not Rank.BATCH:
        yield
        return
    if not condition.batch_turns.begin(call.project_id):
        try:
            await condition.batch_turns.wait(call.project_id)
        except asyncio.CancelledError:
            raise LeftQueueError from None
    try:
        yield
    finally:
        condition.batch_turns.leave(call.project_id)


class _Turn:
    """One request's place in the queue and at the engine, from its arrival to its end."""

    def __init__(self, condition: EngineCondition, call: EngineCall, timeout_s: float) -> None:
        self._condition = condition
        self._project = call.project_id
        self._rank = call.rank
        self._timeout_s = timeout_s
        self._trial: Trial | None = None

    async def __aenter__(self) -> "_Turn":
        turns = self._condition.turns
        # Check again: other requests may have run since the router's choice, while this one was encoded.
        if not self._condition.is_usable:
            raise EngineBusyError(region_errors.engine_unavailable(busy=True))
        self._trial = self._condition.breaker.began()
        if turns.begin(self._project, self._rank):
            return self
        gate = self._condition.batch_gate
        try:
            with nullcontext() if self._rank is Rank.BATCH else gate.interactive_waits():
                async with asyncio.timeout(self._timeout_s):
                    await turns.wait(self._project, self._rank)
        except (TimeoutError, NoRoomError):
            self._condition.breaker.ended(self._trial)
            raise EngineBusyError(region_errors.engine_unavailable(busy=True)) from None
        except asyncio.CancelledError:
            self._condition.breaker.ended(self._trial)
            raise LeftQueueError from None
        return self

    def answered(self) -> None:
        """Record that the engine has begun its answer, which counts as success for the breaker."""
        self._condition.answered()
        self._condition.breaker.succeeded()

    async def __aexit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        was_open = self._condition.breaker.is_open
        self._condition.turns.leave(self._project, self._rank)
        if error is None:
            self.answered()
        elif isinstance(error, EngineUnreachedError):
            self._condition.unreached(self._trial)
        elif _is_fault(error):
            self._condition.breaker.failed(self._trial)
        self._condition.breaker.ended(self._trial)
        if self._condition.breaker.is_open != was_open:
            log.warning("engine_circuit_closed" if was_open else "engine_circuit_opened", engine=self._condition.name)


def _is_fault(error: BaseException) -> bool:
    """Whether an error counts against the engine.

    A client that left or a refused request does not. A refused key or unknown model does not either: that is the operator's
    mistake, has an error of its own, and may concern one model only.
    """
    if isinstance(error, EngineBusyError):
        return False
    if isinstance(error, EngineFailedError):
        return error.refusal is None or error.refusal.code != "engine_misconfigured"
    return isinstance(error, DomicileError) and error.category in _FAULTS
