"""The life of a request, read from top to bottom (design 4):

admit -> reserve -> prepare -> route -> run -> meter -> settle -> complete.

Each stage takes the value that the previous stage made, so none can be skipped. The lifecycle is the same for all endpoints;
each endpoint's `EndpointAdapter` holds the differences.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import msgspec
import structlog

from domicile.boundary.usage import Usage
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane import region_errors
from domicile.data_plane.engines.port import Engine, EngineCall, EngineFailedError, LeftQueueError
from domicile.data_plane.inference.adapter import (
    EndpointAdapter,
    ReplyNames,
    ReplyPart,
    StreamingEndpointAdapter,
    StreamReader,
    event,
)
from domicile.data_plane.inference.completion import Completion
from domicile.data_plane.inference.preparation import Preparation, Prepared
from domicile.data_plane.inference.request_context import RequestContext
from domicile.data_plane.inference.usage_accumulator import UsageAccumulator
from domicile.data_plane.limits.reservation import Limits, Reservation
from domicile.data_plane.metering.entry import LedgerEntry, Outcome
from domicile.data_plane.metering.recorder import UsageRecorder
from domicile.data_plane.policy.admit import Admission, admit
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.policy.residency import ResidencyPolicy
from domicile.data_plane.routing import Placement, Router
from domicile.kernel.clock import Clock
from domicile.kernel.errors import DomicileError
from domicile.kernel.rank import Rank
from domicile.kernel.rate_limits import RateLimitStanding
from domicile.openai_api.closed import ModelRequest
from domicile.process.off_loop import off_loop
from domicile.web import error_rendering
from domicile.web.bodies.dropped_members import DroppedMembers

log = structlog.get_logger("inference")

T = TypeVar("T")
ModelRequestT = TypeVar("ModelRequestT", bound=ModelRequest)


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply, ready to send, and the engines that made it."""

    engines: str
    """The public labels of every engine that took part, separated by commas."""
    body: bytes
    media_type: str
    ignored: frozenset[str] = frozenset()
    """Parameters that the caller set and the engine was not sent. The caller is told their names."""
    standing: RateLimitStanding | None = None
    """Where the project stood at its rate limits when the request began."""


@dataclass(frozen=True, slots=True)
class ReplyStream:
    """A reply that an engine has begun. `pieces` yields the bytes to send; closing it stops the engine and meters the use."""

    engines: str
    """The public labels of every engine that takes part, separated by commas."""
    pieces: AsyncGenerator[bytes, None]
    media_type: str
    ignored: frozenset[str] = frozenset()
    """Parameters that the caller set and the engine was not sent. The caller is told their names."""
    standing: RateLimitStanding | None = None
    """Where the project stood at its rate limits when the request began."""


class Inference:
    """Runs admitted requests on engines of this region."""

    def __init__(
        self,
        *,
        policy: ResidencyPolicy,
        limits: Limits,
        router: Router,
        engines: Mapping[str, Engine],
        meter: UsageRecorder,
        clock: Clock,
        salted_engines: frozenset[str],
    ) -> None:
        """`salted_engines`: names of engines that separate prompt caches by a salt. The salt is the project's id."""
        self._policy = policy
        self._limits = limits
        self._router = router
        self._engines = engines
        self._meter = meter
        self._clock = clock
        self._salted_engines = salted_engines
        self._preparations: tuple[Preparation, ...] = ()
        self._completions: tuple[Completion, ...] = ()

    def with_steps(self, *preparations: Preparation, completions: tuple[Completion, ...] = ()) -> "Inference":
        """A copy that runs exactly these steps, in this order: preparations before routing, completions after metering."""
        copied = copy(self)
        copied._preparations, copied._completions = preparations, completions
        return copied

    def with_limits(self, limits: Limits) -> "Inference":
        """A copy that reserves from other limits."""
        copied = copy(self)
        copied._limits = limits
        return copied

    def droppable(self, endpoint: Endpoint) -> DroppedMembers:
        """The members that the endpoint accepts in a request and drops."""
        return self._policy.rules[endpoint].dropped

    async def answer(
        self,
        adapter: EndpointAdapter[ModelRequestT],
        caller: Caller,
        request: ModelRequestT,
        context: RequestContext,
    ) -> Reply:
        """Run the whole lifecycle and return the reply. Raises `DomicileError` for every error that the caller must see."""
        reservation = await self._admit_and_reserve(adapter, caller, request, context)
        usage = UsageAccumulator(context.request_id, self._clock.now_ms(), is_batch=context.is_batch)
        outcome = Outcome.ENGINE_BROKE_OFF
        try:
            prepared = await self._prepare(reservation, request, context)
            placement, raw = await self._run(
                adapter, prepared, reservation, usage, context, lambda engine, call: engine.complete(call)
            )
            part = await _read(adapter.begin(request, _names(reservation)).reply, raw, caller.project.project_id)
            usage.add(part)
            outcome = Outcome.COMPLETE
        except asyncio.CancelledError as left:
            outcome = context.cancellation.outcome
            if isinstance(left, LeftQueueError):
                usage.nothing_ran()
            raise
        except DomicileError as error:
            usage.refused(error)
            error.standing = reservation.standing
            raise
        finally:
            entry = await self._finish(reservation, usage, outcome)
        part = await self._complete(placement, entry, part)
        return Reply(
            _labels(placement, prepared),
            part.body,
            adapter.media_type(request),
            placement.ignored,
            reservation.standing,
        )

    async def stream(
        self,
        adapter: StreamingEndpointAdapter[ModelRequestT],
        caller: Caller,
        request: ModelRequestT,
        context: RequestContext,
    ) -> ReplyStream:
        """Return once an engine has sent its first byte. Raises `DomicileError` before that, as an ordinary HTTP error.

        Later errors are events of the stream. A raw stream has no events: its `pieces` raise the error.
        """
        reservation = await self._admit_and_reserve(adapter, caller, request, context)
        usage = UsageAccumulator(context.request_id, self._clock.now_ms(), is_batch=context.is_batch)
        is_raw = adapter.is_raw(request)
        try:
            prepared = await self._prepare(reservation, request, context)
            placement, incoming = await self._run(
                adapter,
                prepared,
                reservation,
                usage,
                context,
                lambda engine, call: engine.stream_bytes(call) if is_raw else engine.stream(call),
            )
        except asyncio.CancelledError as left:
            if isinstance(left, LeftQueueError):
                usage.nothing_ran()
            await self._finish(reservation, usage, context.cancellation.outcome)
            raise
        except BaseException as error:
            usage.refused(error)
            await self._finish(reservation, usage, Outcome.ENGINE_BROKE_OFF)
            if isinstance(error, DomicileError):
                error.standing = reservation.standing
            raise
        reader = adapter.begin(request, _names(reservation))
        pieces = self._pieces(reader, placement, usage, incoming, context, is_raw=is_raw)
        # Advance to the first, empty, yield: Python runs the `finally` of a closed generator only if it has started.
        await anext(pieces)
        return ReplyStream(
            _labels(placement, prepared), pieces, adapter.media_type(request), placement.ignored, reservation.standing
        )

    async def _admit_and_reserve(
        self, adapter: EndpointAdapter[ModelRequestT], caller: Caller, request: ModelRequestT, context: RequestContext
    ) -> Reservation:
        def check_and_admit() -> Admission:
            adapter.check(request)
            return admit(self._policy, caller, adapter.endpoint, request)

        # Off the event loop: policy decodes images and recordings.
        admission = await off_loop(check_and_admit, context.body_bytes, caller.project.project_id)
        return await self._limits.reserve(admission, adapter.demand(request, admission.model, context.body_bytes))

    async def _prepare(
        self, reservation: Reservation, request: ModelRequestT, context: RequestContext
    ) -> Prepared[ModelRequestT]:
        prepared = Prepared(request, reservation.admission.needs, context.body_bytes)
        for preparation in self._preparations:
            prepared = await preparation.prepare(reservation, prepared, context)
        return prepared

    async def _run(
        self,
        adapter: EndpointAdapter[ModelRequestT],
        prepared: Prepared[ModelRequestT],
        reservation: Reservation,
        usage: UsageAccumulator,
        context: RequestContext,
        ask: Callable[[Engine, EngineCall], Awaitable[T]],
    ) -> tuple[Placement, T]:
        """Ask engines in turn; return the first answer and its placement. Failover happens only here, before the first byte."""
        tried: dict[str, DomicileError | None] = {}
        while True:
            placement = self._route(reservation, prepared.needs, tried)
            rank = Rank.BATCH if context.is_batch else reservation.rank
            encode = partial(_encode, adapter, prepared.request, placement, self._cache_salt(placement), rank)
            call, request_usage = await off_loop(
                encode, prepared.size_bytes, reservation.admission.caller.project.project_id
            )
            usage.started(placement, request_usage + prepared.request_usage)
            try:
                return placement, await ask(self._engines[placement.engine], call)
            except EngineFailedError as failed:
                usage.nothing_ran()
                tried[placement.engine] = failed.refusal

    def _route(
        self, reservation: Reservation, needs: frozenset[str], tried: Mapping[str, DomicileError | None]
    ) -> Placement:
        """Choose an engine that was not tried yet. If none is left, raise the last engine's refusal or the router's error."""
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
        reader: StreamReader,
        placement: Placement,
        usage: UsageAccumulator,
        incoming: AsyncGenerator[bytes, None],
        context: RequestContext,
        *,
        is_raw: bool,
    ) -> AsyncGenerator[bytes, None]:
        """Yield the engine's pieces under the requested snapshot's name. Errors are events too, but raised in a raw stream."""
        outcome, project_id = Outcome.ENGINE_BROKE_OFF, placement.reservation.admission.caller.project.project_id
        try:
            async with aclosing(incoming):
                yield b""
                async for data in incoming:
                    part = await _read(reader.piece, data, project_id)
                    usage.add_piece(part)
                    if part.body:
                        yield part.body
            outcome = Outcome.COMPLETE
        except (asyncio.CancelledError, GeneratorExit):
            outcome = context.cancellation.outcome
            raise
        except DomicileError as error:
            yield _broken_off(error, is_raw=is_raw)
        finally:
            entry = await self._finish(placement.reservation, usage, outcome)
        if outcome is not Outcome.COMPLETE:
            return
        try:
            last = (await self._complete(placement, entry, ReplyPart(reader.end()))).body
        except DomicileError as error:
            last = _broken_off(error, is_raw=is_raw)
        if last:
            yield last

    async def _finish(self, reservation: Reservation, usage: UsageAccumulator, outcome: Outcome) -> LedgerEntry | None:
        """Meter the usage, then settle the reservation. Returns None when no engine ran."""
        entry = usage.entry(reservation, outcome)
        if entry is not None:
            self._meter.record(entry)
        served = usage.served(reservation, outcome)
        if served is not None:
            self._meter.served(served)
        await self._limits.settle(reservation, usage.usage)
        return entry

    async def _complete(self, placement: Placement, entry: LedgerEntry | None, part: ReplyPart) -> ReplyPart:
        """Wait until the entry is metered, run the completions, and return the part to send."""
        if entry is None:
            raise RuntimeError("a reply must be metered before it is sent")
        await self._meter.settled()
        for completion in self._completions:
            part = await completion.complete(placement, entry, part)
        return part


def _encode(
    adapter: EndpointAdapter[ModelRequestT],
    request: ModelRequestT,
    placement: Placement,
    cache_salt: str | None,
    rank: Rank,
) -> tuple[EngineCall, Usage]:
    """The call without the parameters that this engine must not get, and the platform's count of its input."""
    if placement.left_out:
        request = msgspec.structs.replace(request, **dict.fromkeys(placement.left_out))
    sent = adapter.encode(request, model=placement.engine_model, cache_salt=cache_salt)
    project_id = placement.reservation.admission.caller.project.project_id
    call = EngineCall(adapter.endpoint, placement.engine_model, project_id, sent, rank)
    return call, adapter.request_usage(request, sent)


def _labels(placement: Placement, prepared: Prepared[Any]) -> str:
    return ", ".join((placement.label, *prepared.helped_by))


def _names(reservation: Reservation) -> ReplyNames:
    is_asked = getattr(reservation.admission.request, "service_tier", None) is not None
    tier = reservation.tier.value if is_asked or reservation.entitlement is not None else None
    return ReplyNames(reservation.admission.model.name, tier)


async def _read(read: Callable[[bytes], ReplyPart], data: bytes, project_id: str) -> ReplyPart:
    try:
        return await off_loop(partial(read, data), len(data), project_id)
    except (ValueError, RecursionError):
        # msgspec's errors and UnicodeDecodeError are ValueErrors.
        log.error("engine_reply_unknown")
        raise region_errors.engine_unavailable() from None


def _broken_off(error: DomicileError, *, is_raw: bool) -> bytes:
    """The error as an event. In a raw stream raise it instead: the client then sees that the answer is incomplete."""
    if is_raw:
        raise error
    return event(error_rendering.envelope(error))
