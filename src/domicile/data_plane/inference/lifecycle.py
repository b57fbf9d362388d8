"""The life of a request, read from top to bottom: admit -> reserve -> prepare -> route -> run -> meter -> settle (design 4).

Each stage takes the value that the stage before it made, so none can be skipped. The lifecycle is the same
for all endpoints; each endpoint's `EndpointAdapter` says what differs. The receipt will be issued after `_finish`, from the
same values.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from copy import copy
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import structlog

from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane import region_errors
from domicile.data_plane.engines.port import Engine, EngineFailedError, EngineRequest, LeftQueueError
from domicile.data_plane.inference.adapter import (
    EndpointAdapter,
    ReplyNames,
    ReplyPart,
    RequestT,
    StreamingEndpointAdapter,
)
from domicile.data_plane.inference.cancellation import Cancellation
from domicile.data_plane.inference.preparation import Preparation, Prepared
from domicile.data_plane.inference.usage_accumulator import UsageAccumulator
from domicile.data_plane.limits.reservation import Limits, Reservation
from domicile.data_plane.metering.entry import Outcome
from domicile.data_plane.metering.meter import Meter
from domicile.data_plane.policy.admit import admit
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.policy.residency import ResidencyPolicy
from domicile.data_plane.routing import Placement, Router
from domicile.kernel.clock import Clock
from domicile.kernel.errors import DomicileError
from domicile.openai_api.closed import ModelRequest
from domicile.web import error_rendering
from domicile.web.bodies.dropped_members import DroppedMembers

log = structlog.get_logger("inference")

_LARGE_BYTES = 256 * 1024

T = TypeVar("T")
ModelRequestT = TypeVar("ModelRequestT", bound=ModelRequest)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole reply, ready to be sent, and where it was made."""

    engines: str
    """The public labels of all that answered."""
    body: bytes
    media_type: str
    ignored: frozenset[str] = frozenset()
    """Parameters of the request that the engine was not told of though they ask for something."""


@dataclass(frozen=True, slots=True)
class AnswerStream:
    """A reply that is still being made. `pieces` yields what is to be sent; closing it ends the work and meters it."""

    engines: str
    pieces: AsyncGenerator[bytes, None]
    media_type: str
    ignored: frozenset[str] = frozenset()
    """See `Answer`."""


class Inference:
    """Runs admitted requests on engines of this region."""

    def __init__(
        self,
        *,
        policy: ResidencyPolicy,
        limits: Limits,
        router: Router,
        engines: Mapping[str, Engine],
        meter: Meter,
        clock: Clock,
        salted_engines: frozenset[str],
    ) -> None:
        """`salted_engines`: those that keep prompt caches apart by a salt; the project's id is the salt."""
        self._policy = policy
        self._limits = limits
        self._router = router
        self._engines = engines
        self._meter = meter
        self._clock = clock
        self._salted_engines = salted_engines
        self._preparations: tuple[Preparation, ...] = ()

    def prepared_by(self, *preparations: Preparation) -> "Inference":
        """The same with these steps between admission and routing, in their order, and with no others."""
        prepared = copy(self)
        prepared._preparations = preparations
        return prepared

    def droppable(self, endpoint: Endpoint) -> DroppedMembers:
        """The members that are read of the endpoint's requests and go no further."""
        return self._policy.rules[endpoint].dropped

    async def answer(
        self,
        adapter: EndpointAdapter[ModelRequestT],
        caller: Caller,
        request: ModelRequestT,
        request_id: str,
        cancellation: Cancellation,
    ) -> Answer:
        """A whole reply. Raises `DomicileError` for everything that a caller must know."""
        reservation = await self._admit_and_reserve(adapter, caller, request)
        accumulator = UsageAccumulator(request_id, self._clock.now_ms())
        outcome = Outcome.ENGINE_BROKE_OFF
        try:
            prepared = await self._prepare(reservation, request, cancellation)
            placement, raw = await self._run(
                adapter, prepared, reservation, accumulator, lambda engine, place, sent: engine.complete(place, sent)
            )
            part = await _read_whole(lambda: adapter.reply(raw, request, _names(reservation)), len(raw))
            accumulator.add(part)
            outcome = Outcome.COMPLETE
        except asyncio.CancelledError as left:
            outcome = cancellation.outcome
            if isinstance(left, LeftQueueError):
                accumulator.nothing_ran()
            raise
        except DomicileError:
            accumulator.nothing_ran()
            raise
        finally:
            self._finish(reservation, accumulator, outcome)
        await self._meter.settled()
        return Answer(_labels(placement, prepared), part.body, adapter.media_type(request), placement.ignored)

    async def stream(
        self,
        adapter: StreamingEndpointAdapter[ModelRequestT],
        caller: Caller,
        request: ModelRequestT,
        request_id: str,
        cancellation: Cancellation,
    ) -> AnswerStream:
        """A stream, opened: an engine has accepted the request, so errors until here are ordinary answers."""
        reservation = await self._admit_and_reserve(adapter, caller, request)
        accumulator = UsageAccumulator(request_id, self._clock.now_ms())
        is_raw = adapter.is_raw(request)
        try:
            prepared = await self._prepare(reservation, request, cancellation)
            placement, incoming = await self._run(
                adapter,
                prepared,
                reservation,
                accumulator,
                lambda engine, place, sent: (engine.stream_bytes if is_raw else engine.stream)(place, sent),
            )
        except asyncio.CancelledError as left:
            if isinstance(left, LeftQueueError):
                accumulator.nothing_ran()
            self._finish(reservation, accumulator, cancellation.outcome)
            raise
        except BaseException:
            accumulator.nothing_ran()
            self._finish(reservation, accumulator, Outcome.ENGINE_BROKE_OFF)
            raise
        pieces = self._pieces(adapter, request, reservation, accumulator, incoming, cancellation)
        # To its first, empty, yield: only a generator that has begun meters when it is closed.
        await anext(pieces)
        return AnswerStream(_labels(placement, prepared), pieces, adapter.media_type(request), placement.ignored)

    async def _admit_and_reserve(
        self, adapter: EndpointAdapter[ModelRequestT], caller: Caller, request: ModelRequestT
    ) -> Reservation:
        adapter.check(request)
        return await self._limits.reserve(admit(self._policy, caller, adapter.endpoint, request))

    async def _prepare(
        self, reservation: Reservation, request: ModelRequestT, cancellation: Cancellation
    ) -> Prepared[ModelRequestT]:
        prepared = Prepared(request, reservation.admission.needs)
        for preparation in self._preparations:
            prepared = await preparation.prepare(reservation, prepared, cancellation)
        return prepared

    async def _run(
        self,
        adapter: EndpointAdapter[ModelRequestT],
        prepared: Prepared[ModelRequestT],
        reservation: Reservation,
        accumulator: UsageAccumulator,
        call: Callable[[Engine, Placement, EngineRequest], Awaitable[T]],
    ) -> tuple[Placement, T]:
        """On the first engine of this region that answers. Fails over only here, before the first byte."""
        tried: dict[str, DomicileError | None] = {}
        while True:
            placement = self._route(reservation, prepared.needs, tried)
            sent = adapter.encode(
                _for_engine(prepared.request, placement),
                model=placement.engine_model,
                cache_salt=self._cache_salt(placement),
            )
            accumulator.started(placement, adapter.request_usage(prepared.request, sent) + prepared.request_usage)
            try:
                return placement, await call(self._engines[placement.engine], placement, sent)
            except EngineFailedError as failed:
                accumulator.nothing_ran()
                tried[placement.engine] = failed.refusal

    def _route(
        self, reservation: Reservation, needs: frozenset[str], tried: Mapping[str, DomicileError | None]
    ) -> Placement:
        """An engine that was not asked yet. When there is none: what the last one said of itself, if it said anything."""
        try:
            return self._router.route(reservation, needs=needs, tried=frozenset(tried))
        except DomicileError:
            refusals = [refusal for refusal in tried.values() if refusal is not None]
            if not refusals:
                raise
            raise refusals[-1] from None

    def _cache_salt(self, placement: Placement) -> str | None:
        if placement.engine not in self._salted_engines:
            return None
        return placement.reservation.admission.caller.project.project_id

    async def _pieces(
        self,
        adapter: StreamingEndpointAdapter[RequestT],
        request: RequestT,
        reservation: Reservation,
        accumulator: UsageAccumulator,
        incoming: AsyncGenerator[bytes, None],
        cancellation: Cancellation,
    ) -> AsyncGenerator[bytes, None]:
        """The engine's pieces under the requested snapshot's name. Of events, errors from here on are events as well."""
        names = _names(reservation)
        outcome = Outcome.ENGINE_BROKE_OFF
        try:
            async with aclosing(incoming):
                yield b""
                async for data in incoming:
                    part = _read(lambda data=data: adapter.piece(data, request, names))  # type: ignore[misc]
                    accumulator.add(part)
                    if part.body:
                        yield part.body
            outcome = Outcome.COMPLETE
        except (asyncio.CancelledError, GeneratorExit):
            outcome = cancellation.outcome
            raise
        except DomicileError as error:
            if adapter.is_raw(request):
                # There is no place for an error among these bytes: the answer breaks off, and is seen to be unfinished.
                raise
            yield b"data: " + error_rendering.envelope(error) + b"\n\n"
        finally:
            self._finish(reservation, accumulator, outcome)
        if outcome is Outcome.COMPLETE:
            await self._meter.settled()
            last = adapter.end(request)
            if last:
                yield last

    def _finish(self, reservation: Reservation, accumulator: UsageAccumulator, outcome: Outcome) -> None:
        """Meters what ran, then settles what was set aside."""
        entry = accumulator.entry(reservation, outcome)
        if entry is not None:
            self._meter.record(entry)
        self._limits.settle(reservation, accumulator.usage)


def _for_engine(request: ModelRequestT, placement: Placement) -> ModelRequestT:
    """The request without what asks for nothing, and without what this engine ignores."""
    if not placement.left_out:
        return request
    return msgspec.structs.replace(request, **dict.fromkeys(placement.left_out))


def _labels(placement: Placement, prepared: Prepared[Any]) -> str:
    return ", ".join((placement.label, *prepared.helped_by))


def _names(reservation: Reservation) -> ReplyNames:
    tier = reservation.tier.value if getattr(reservation.admission.request, "service_tier", None) else None
    return ReplyNames(reservation.admission.model.name, tier)


async def _read_whole(read: Callable[[], ReplyPart], size: int) -> ReplyPart:
    """What is large is read beside the event loop: thousands of vectors take a second, for everybody."""
    return await asyncio.to_thread(_read, read) if size > _LARGE_BYTES else _read(read)


def _read(read: Callable[[], ReplyPart]) -> ReplyPart:
    try:
        return read()
    except (ValueError, RecursionError):
        # msgspec's own errors are ValueErrors; so is that of invalid UTF-8.
        log.error("engine_reply_unknown")
        raise region_errors.engine_unavailable() from None
