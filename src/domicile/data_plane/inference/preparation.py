"""The port of steps between admission and routing, which replace references in a request by their content (design 4.6).

One step replaces an allowed URL by the fetched image. Another replaces a chat's recordings by transcripts, if no engine of the
model accepts audio. The engine gets the prepared request; the admitted request stays as the caller wrote it.
"""

from dataclasses import dataclass
from typing import Generic, Protocol

from domicile.boundary.usage import Usage
from domicile.data_plane.inference.adapter import RequestT
from domicile.data_plane.inference.request_context import RequestContext
from domicile.data_plane.limits.reservation import Reservation


@dataclass(frozen=True, slots=True)
class Prepared(Generic[RequestT]):
    """A request ready for routing and encoding."""

    request: RequestT
    needs: frozenset[str]
    """The modalities that the engine must support."""
    size_bytes: int = 0
    """The approximate size of the request. A large one is encoded in a thread."""
    helped_by: tuple[str, ...] = ()
    """The public labels of other engines of this region that prepared it, such as transcribers."""
    request_usage: Usage = Usage()  # noqa: RUF009 - frozen
    """Usage counted by preparations. Added to the adapter's count."""


class Preparation(Protocol):
    """One step before routing. It gets every request and returns those unchanged to which it does not apply."""

    async def prepare(
        self, reservation: Reservation, prepared: Prepared[RequestT], context: RequestContext
    ) -> Prepared[RequestT]:
        """Return the request for the next step. Raises `DomicileError` naming the member at fault.

        `context`: used by a step that runs a request of its own.
        """
        ...
