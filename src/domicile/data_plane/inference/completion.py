"""The port of steps between metering and sending a complete reply (design 5). One such step replaces generated images by links.

The usage is recorded and the reservation settled before these steps run. So when a step fails the caller gets an error, and
the usage is still counted.
"""

from typing import Protocol

from domicile.data_plane.inference.adapter import ReplyPart
from domicile.data_plane.metering.entry import LedgerEntry
from domicile.data_plane.routing import Placement


class Completion(Protocol):
    """One step after metering. It gets every complete reply and returns those unchanged to which it does not apply."""

    async def complete(self, placement: Placement, entry: LedgerEntry, part: ReplyPart) -> ReplyPart:
        """Return the part to send. Raises `DomicileError` for errors that the caller must see.

        `placement` holds the admitted request and its engine, `entry` the metered usage. `part` is the whole reply. For a
        stream it is only the end, since the pieces have been sent.
        """
        ...
