"""The usage of one request while it runs."""

import time
from collections.abc import Callable

from domicile.boundary.usage import ImageSize, Usage
from domicile.data_plane.inference.adapter import ReplyPart
from domicile.data_plane.limits.reservation import Reservation
from domicile.data_plane.metering.entry import CountedBy, LedgerEntry, Outcome
from domicile.data_plane.metering.service_levels import ServedAnswer
from domicile.data_plane.routing import Placement
from domicile.kernel.errors import Category, DomicileError

_PLATFORM_FAULTS = frozenset({Category.INTERNAL, Category.UNAVAILABLE, Category.TIMEOUT})


class UsageAccumulator:
    """Adds up counts while a request runs. The engine's own count takes precedence over the platform's."""

    def __init__(
        self, request_id: str, at_ms: int, *, is_batch: bool = False, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`at_ms`: the time of admission. `monotonic` returns seconds."""
        self._request_id = request_id
        self._at_ms = at_ms
        self._is_batch = is_batch
        self._placement: Placement | None = None
        self._platform = Usage()
        self._engine: Usage | None = None
        self._image_size: ImageSize | None = None
        self._monotonic = monotonic
        self._admitted_s = monotonic()
        self._first_piece_s: float | None = None
        self._last_piece_s = 0.0
        self._is_callers_fault = False

    def started(self, placement: Placement, request_usage: Usage) -> None:
        """Record the engine that is asked. `request_usage`: the platform's count of the request's input."""
        self._placement = placement
        self._platform = request_usage

    def nothing_ran(self) -> None:
        """Forget the placement: that engine did no work, so `usage` is empty and `entry` None."""
        self._placement = None

    def refused(self, error: BaseException) -> None:
        """Forget the placement, and remember whose fault it was that there is no answer."""
        self.nothing_ran()
        self._is_callers_fault = isinstance(error, DomicileError) and error.category not in _PLATFORM_FAULTS

    def add_piece(self, part: ReplyPart) -> None:
        """Add the counts of one piece of a stream, and note its time."""
        self.add(part)
        if part.platform_usage.output_tokens:
            self._last_piece_s = self._monotonic()
            if self._first_piece_s is None:
                self._first_piece_s = self._last_piece_s

    def add(self, part: ReplyPart) -> None:
        """Add the counts of one part of the reply."""
        self._platform = self._platform + part.platform_usage
        if part.engine_usage is not None:
            self._engine = part.engine_usage
        if part.image_size is not None:
            self._image_size = part.image_size

    @property
    def usage(self) -> Usage:
        """The engine's count if it sent one, else the platform's. Empty when no engine ran."""
        if self._engine is not None:
            return self._engine
        return Usage() if self._placement is None else self._platform

    def entry(self, reservation: Reservation, outcome: Outcome) -> LedgerEntry | None:
        """The ledger entry for this request. None when no engine ran."""
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
            batch=self._is_batch,
            engine=self._placement.engine,
            country=self._placement.country,
            outcome=outcome,
            counted_by=CountedBy.PLATFORM if self._engine is None else CountedBy.ENGINE,
            usage=self.usage,
            image_size=self._image_size,
        )

    def served(self, reservation: Reservation, outcome: Outcome) -> ServedAnswer | None:
        """What came of the request, for the service level of its entitlement. None in the default tier."""
        if reservation.entitlement is None:
            return None
        first_s, usage = self._first_piece_s, self.usage
        is_broken_off = outcome is Outcome.ENGINE_BROKE_OFF and not self._is_callers_fault
        visible = usage.output_tokens - usage.output_reasoning_tokens
        return ServedAnswer(
            reservation.entitlement.entitlement_id,
            self._at_ms,
            has_failed=is_broken_off or outcome is Outcome.CUT_OFF,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            streamed_tokens=0 if first_s is None else max(0, visible - 1),
            streaming_ms=0 if first_s is None else round((self._last_piece_s - first_s) * 1000),
            first_token_ms=None if first_s is None else round((first_s - self._admitted_s) * 1000),
        )
