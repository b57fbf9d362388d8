"""The life of a request, read from top to bottom: admit -> reserve -> route -> run -> meter -> settle (design 4).

Each stage takes the value that the stage before it made, so none can be skipped. The receipt will be issued after
`_finish`, from the same values.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

import structlog
from msgspec import UNSET

from domicile.boundary.usage import Usage
from domicile.data_plane.engines.port import Engine, EngineFailedError, EngineRequest
from domicile.data_plane.limits.reservation import Limits, Reservation
from domicile.data_plane.metering.entry import CountedBy, LedgerEntry, Outcome
from domicile.data_plane.metering.meter import Meter
from domicile.data_plane.policy.admit import admit_chat
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.policy.residency import ResidencyPolicy
from domicile.data_plane.routing import Placement, Router
from domicile.kernel import errors
from domicile.kernel.clock import Clock
from domicile.kernel.errors import DomicileError
from domicile.openai_api import chat_reply
from domicile.openai_api.chat import ChatCompletionRequest, encode_for_engine
from domicile.openai_api.chat_rules import check_chat_request

log = structlog.get_logger("inference")

T = TypeVar("T")

# Where an engine's own count never came, tokens are estimated from bytes. The ledger says so.
_BYTES_PER_TOKEN = 4
# More than any model reads or writes. A count outside would spoil a whole report of many keys' usage.
_MAX_TOKENS = 2**31


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole reply, ready to be sent, and where it was made."""

    placement: Placement
    body: bytes


@dataclass(frozen=True, slots=True)
class AnswerStream:
    """A reply that is still being made. `events` yields server-sent events; closing it ends the work and meters it."""

    placement: Placement
    events: AsyncGenerator[bytes, None]


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

    async def complete_chat(self, caller: Caller, request: ChatCompletionRequest, request_id: str) -> Answer:
        """A whole reply. Raises `DomicileError` for everything that a caller must know."""
        reservation = await self._admit_and_reserve(caller, request)
        metered = _Metered(request_id, self._clock.now_ms())
        outcome = Outcome.ENGINE_BROKE_OFF
        try:
            placement, raw = await self._run(
                reservation, metered, lambda engine, place, body: engine.complete(place, body)
            )
            reply = _decode(raw, chat_reply.decode_completion)
            metered.count(reply.usage)
            metered.answered(reply)
            outcome = Outcome.COMPLETE
        except asyncio.CancelledError:
            outcome = Outcome.CLIENT_LEFT
            raise
        except DomicileError:
            metered.nothing_ran()
            raise
        finally:
            self._finish(reservation, metered, outcome)
        await self._meter.settled()
        name, tier = reservation.admission.model.name, _shown_tier(reservation)
        return Answer(placement, chat_reply.encode_completion(reply, model=name, service_tier=tier))

    async def stream_chat(self, caller: Caller, request: ChatCompletionRequest, request_id: str) -> AnswerStream:
        """A stream, opened: an engine has accepted the request, so errors until here are ordinary answers."""
        reservation = await self._admit_and_reserve(caller, request)
        metered = _Metered(request_id, self._clock.now_ms())
        try:
            placement, chunks = await self._run(
                reservation, metered, lambda engine, place, body: engine.stream(place, body)
            )
        except asyncio.CancelledError:
            self._finish(reservation, metered, Outcome.CLIENT_LEFT)
            raise
        except BaseException:
            metered.nothing_ran()
            self._finish(reservation, metered, Outcome.ENGINE_BROKE_OFF)
            raise
        events = self._events(reservation, metered, chunks)
        # To its first, empty, yield: only a generator that has begun meters when it is closed.
        await anext(events)
        return AnswerStream(placement, events)

    async def _admit_and_reserve(self, caller: Caller, request: ChatCompletionRequest) -> Reservation:
        check_chat_request(request)
        return await self._limits.reserve(admit_chat(self._policy, caller, request))

    async def _run(
        self,
        reservation: Reservation,
        metered: "_Metered",
        call: Callable[[Engine, Placement, EngineRequest], Awaitable[T]],
    ) -> tuple[Placement, T]:
        """On the first engine of this region that answers. Fails over only here, before the first byte."""
        tried: set[str] = set()
        while True:
            placement = self._router.route(reservation, tried=frozenset(tried))
            body = self._encode(placement)
            metered.started(placement, len(body))
            try:
                return placement, await call(self._engines[placement.engine], placement, EngineRequest(body))
            except EngineFailedError:
                metered.nothing_ran()
                self._router.report(placement.engine, healthy=False)
                tried.add(placement.engine)

    def _encode(self, placement: Placement) -> bytes:
        admission = placement.reservation.admission
        salted = placement.engine in self._salted_engines
        return encode_for_engine(
            admission.request,
            model=placement.engine_model,
            cache_salt=admission.caller.project.project_id if salted else None,
        )

    async def _events(
        self, reservation: Reservation, metered: "_Metered", chunks: AsyncGenerator[bytes, None]
    ) -> AsyncGenerator[bytes, None]:
        """The engine's chunks under the requested snapshot's name. Errors from here on are events, not statuses."""
        name, tier = reservation.admission.model.name, _shown_tier(reservation)
        with_usage = reservation.admission.request.wants_usage_in_stream
        outcome = Outcome.ENGINE_BROKE_OFF
        try:
            async with aclosing(chunks):
                yield b""
                async for data in chunks:
                    chunk = _decode(data, chat_reply.decode_chunk)
                    metered.count(chunk.usage or None)
                    metered.streamed(len(chunk.choices))
                    # The chunk with the usage has no choices; it is for callers who asked for it.
                    if chunk.choices or with_usage:
                        shown = chat_reply.encode_chunk(chunk, model=name, include_usage=with_usage, service_tier=tier)
                        yield b"data: " + shown + b"\n\n"
            outcome = Outcome.COMPLETE
        except (asyncio.CancelledError, GeneratorExit):
            outcome = Outcome.CLIENT_LEFT
            raise
        except DomicileError as error:
            yield b"data: " + errors.envelope(error) + b"\n\n"
        finally:
            self._finish(reservation, metered, outcome)
        if outcome is Outcome.COMPLETE:
            await self._meter.settled()
            yield b"data: [DONE]\n\n"

    def _finish(self, reservation: Reservation, metered: "_Metered", outcome: Outcome) -> None:
        """Meters what ran, then settles what was set aside."""
        entry = metered.entry(reservation, outcome)
        if entry is not None:
            self._meter.record(entry)
        self._limits.settle(reservation, metered.usage)


class _Metered:
    """What one request has used so far."""

    def __init__(self, request_id: str, at_ms: int) -> None:
        self._request_id = request_id
        self._at_ms = at_ms
        self._placement: Placement | None = None
        self._prompt_bytes = 0
        self._streamed = 0
        self._counted: Usage | None = None

    def started(self, placement: Placement, prompt_bytes: int) -> None:
        """An engine is being asked."""
        self._placement = placement
        self._prompt_bytes = prompt_bytes

    def nothing_ran(self) -> None:
        """That engine never answered."""
        self._placement = None

    def streamed(self, choices: int) -> None:
        """A chunk has passed: engines send one token for each choice in it."""
        self._streamed += choices

    def answered(self, reply: chat_reply.ChatCompletion) -> None:
        """A whole reply has come: its text is all there is to count of it, unless the engine has counted."""
        texts = [choice.message.content or "" for choice in reply.choices]
        for choice in reply.choices:
            texts += [call.function.arguments for call in choice.message.tool_calls or () if call.function is not None]
        # Whatever was said was at least one token for each choice.
        self._streamed += sum(max(1, len(text.encode()) // _BYTES_PER_TOKEN) for text in texts)

    def count(self, usage: chat_reply.Usage | None) -> None:
        """The engine's own count, when it comes and can be one: each prompt has tokens, and no number of them is negative."""
        if usage is None or usage.prompt_tokens < 1:
            return
        read, written = usage.prompt_tokens_details, usage.completion_tokens_details
        counts = (
            usage.prompt_tokens,
            (read and read.cached_tokens) or 0,
            usage.completion_tokens,
            (written and written.reasoning_tokens) or 0,
        )
        if all(0 <= count <= _MAX_TOKENS for count in counts):
            self._counted = Usage(*counts)

    @property
    def usage(self) -> Usage:
        """The engine's count, or else the platform's."""
        if self._counted is not None:
            return self._counted
        if self._placement is None:
            return Usage()
        return Usage(input_tokens=self._prompt_bytes // _BYTES_PER_TOKEN, output_tokens=self._streamed)

    def entry(self, reservation: Reservation, outcome: Outcome) -> LedgerEntry | None:
        """The ledger's line; None when no engine was reached."""
        if self._placement is None:
            return None
        admission = reservation.admission
        return LedgerEntry(
            request_id=self._request_id,
            at_ms=self._at_ms,
            organization_id=admission.caller.organization.organization_id,
            project_id=admission.caller.project.project_id,
            key_id=admission.caller.key_id,
            endpoint=admission.endpoint,
            model=admission.model.name,
            tier=reservation.tier,
            batch=False,
            engine=self._placement.engine,
            country=self._placement.country,
            outcome=outcome,
            counted_by=CountedBy.PLATFORM if self._counted is None else CountedBy.ENGINE,
            usage=self.usage,
        )


def parameters_of(reservation: Reservation) -> frozenset[str]:
    """The parameters that an admitted request sets."""
    request = reservation.admission.request
    return frozenset(
        name
        for name in request.__struct_fields__
        if getattr(request, name) is not UNSET and getattr(request, name) is not None
    )


def _shown_tier(reservation: Reservation) -> str | None:
    """The tier that was really used, for callers who named one; else nothing, as the specification says."""
    return reservation.tier.value if reservation.admission.request.service_tier else None


def _decode(data: bytes, decode: Callable[[bytes], T]) -> T:
    try:
        return decode(data)
    except (ValueError, RecursionError):
        # msgspec's own errors are ValueErrors; so is that of invalid UTF-8.
        log.error("engine_reply_unknown")
        raise errors.engine_unavailable() from None
