"""Between admission and routing: replaces a reference by its content (design 4.6).

An allowed URL becomes the bytes behind it. A recording in a chat becomes its transcript where no engine of the model accepts
audio. An engine is sent the prepared request; the admitted request stays what the caller wrote.
"""

from dataclasses import dataclass
from typing import Generic, Protocol

from domicile.boundary.usage import Usage
from domicile.data_plane.inference.adapter import RequestT
from domicile.data_plane.inference.request_context import RequestContext
from domicile.data_plane.limits.reservation import Reservation


@dataclass(frozen=True, slots=True)
class Prepared(Generic[RequestT]):
    """A request as an engine will be asked it."""

    request: RequestT
    needs: frozenset[str]
    """The modalities that an engine must still have."""
    size_bytes: int = 0
    """About how large the request is. Encoding a large one leaves the event loop."""
    helped_by: tuple[str, ...] = ()
    """The public labels of other engines of this region that had a part in it."""
    request_usage: Usage = Usage()  # noqa: RUF009 - frozen
    """The platform's count of the request so far."""


class Preparation(Protocol):
    """One such step. It runs for every request, so it first sees whether it applies."""

    async def prepare(
        self, reservation: Reservation, prepared: Prepared[RequestT], context: RequestContext
    ) -> Prepared[RequestT]:
        """The request for the next step. Raises `DomicileError` with the member at fault.

        `context`: for a step that asks an engine itself."""
        ...
