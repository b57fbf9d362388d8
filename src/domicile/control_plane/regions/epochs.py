"""New epochs: the operator declares that the database's content counts, although regions hold newer snapshots.

After a restore from a backup the database's numbers are behind those of the regions, and a region refuses what is not newer.
All numbers of a new epoch are newer than those of earlier epochs.
"""

from sqlalchemy import insert, select, update

from domicile.control_plane.audit.repository import Event
from domicile.control_plane.changes import Changes
from domicile.control_plane.database import tables
from domicile.control_plane.principals.principal import Operator
from domicile.control_plane.publication.publisher import FIRST_EPOCH, Publisher


class Epochs:
    """Declares epochs."""

    def __init__(self, changes: Changes, publisher: Publisher) -> None:
        self._changes = changes
        self._publisher = publisher

    async def declare(self, operator: Operator) -> int:
        """Declares and publishes one epoch for all regions, above every epoch published here or reported by a replica."""
        table, codes = tables.publication, self._publisher.region_codes
        async with self._changes.begin(operator) as change:
            published: dict[str, int] = {row.region: row.epoch for row in await change.all(select(table))}
            seen = [self._publisher.ahead(code)[0] for code in codes]
            epoch = max([FIRST_EPOCH, *published.values(), *seen]) + 1
            event = Event("installation.epoch_declared", str(epoch), detail={"data": {"epoch": epoch}})
            writing = await change.record(event)
            for code in codes:
                if code in published:
                    values = {"epoch": epoch, "number": 0}
                    await writing.execute(update(table).where(table.c.region == code).values(values))
                else:
                    await writing.execute(insert(table).values(region=code, epoch=epoch, number=0))
            for code in codes:
                change.publish_to(code)
        return epoch
