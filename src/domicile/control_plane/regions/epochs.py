"""A new epoch: the operator's word that what is in the database now counts, though the regions have seen more.

After the database was restored from a backup its numbers are behind those that regions hold, and a region refuses what is not
newer. An epoch is newer than every number of the epochs before.
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
        """One epoch for all regions: past all that was published here, and past all that regions say they hold."""
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
