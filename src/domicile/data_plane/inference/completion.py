"""After metering: what becomes of a complete reply before it is sent (design 5).

Links are put in the place of generated images here. A reply reaches this step only after its usage has been recorded and its
reservation settled, so an error in it costs the caller the answer and the platform no count.
"""

from typing import Protocol

from domicile.data_plane.inference.adapter import ReplyPart
from domicile.data_plane.metering.entry import LedgerEntry
from domicile.data_plane.routing import Placement


class Completion(Protocol):
    """One such step, the counterpart of `Preparation`. It runs for every complete reply, so it first sees if it applies."""

    async def complete(self, placement: Placement, entry: LedgerEntry, part: ReplyPart) -> ReplyPart:
        """The part to send. Raises `DomicileError` for what the caller must know.

        `placement` has the admitted request and where it ran; `entry` is the ledger's. `part` is the whole reply. Of a stream
        it is only what follows the last piece: the pieces have been sent.
        """
        ...
