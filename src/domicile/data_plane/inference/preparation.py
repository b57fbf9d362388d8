"""Between admission and routing: putting content in the place of what stands for it (design 4.6).

An allowed URL becomes the bytes behind it; a spoken part becomes its transcript where no engine has ears. What an engine is
sent is then the prepared request; what was admitted stays what the caller wrote.
"""

from dataclasses import dataclass
from typing import Generic, Protocol

from domicile.boundary.usage import Usage
from domicile.data_plane.inference.adapter import RequestT
from domicile.data_plane.inference.cancellation import Cancellation
from domicile.data_plane.limits.reservation import Reservation


@dataclass(frozen=True, slots=True)
class Prepared(Generic[RequestT]):
    """A request as an engine will be asked it."""

    request: RequestT
    needs: frozenset[str]
    """The modalities that an engine must still have."""
    helped_by: tuple[str, ...] = ()
    """The public labels of other engines of this region that had a part in it."""
    request_usage: Usage = Usage()  # noqa: RUF009 - frozen
    """What the platform has counted of the request so far."""


class Preparation(Protocol):
    """One such step. It runs for every request, so what has nothing to do returns what it was given at once."""

    async def prepare(
        self, reservation: Reservation, prepared: Prepared[RequestT], cancellation: Cancellation
    ) -> Prepared[RequestT]:
        """Raises `DomicileError` with the member at fault. `cancellation`: for a step that asks an engine itself."""
        ...
