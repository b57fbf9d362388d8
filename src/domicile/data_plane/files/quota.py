"""How much content one project may store here."""

from dataclasses import dataclass

from sqlalchemy import func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.data_plane import region_errors
from domicile.data_plane.tables import file, upload
from domicile.kernel.errors import DomicileError

_GIB = 1024**3


@dataclass(frozen=True, slots=True)
class StorageQuota:
    """The same for each project."""

    files: int
    size_bytes: int

    async def room_bytes(self, connection: AsyncConnection, project_id: str) -> int:
        """How many bytes more the project may store in one more file. Raises 413 when it has all the files that it may.

        Files and uploads that have expired count until they are swept. A pending upload counts with the size announced.
        """
        is_pending = upload.c.status == "pending"
        count, held_bytes = 0, 0
        for table, condition in ((file, true()), (upload, is_pending)):
            sums = select(func.count(), func.coalesce(func.sum(table.c.size_bytes), 0))
            found = (await connection.execute(sums.where(table.c.project_id == project_id, condition))).one()
            count, held_bytes = count + found[0], held_bytes + int(found[1])
        if count >= self.files:
            raise region_errors.storage_quota_exceeded(f"{self.files} files")
        return self.size_bytes - held_bytes

    async def require_room(self, connection: AsyncConnection, project_id: str, size_bytes: int) -> None:
        """Raise 413 unless the project may store one file more, of this size.

        Exact in a writing transaction that also stores the file.
        """
        if size_bytes > await self.room_bytes(connection, project_id):
            raise self.no_room()

    def no_room(self) -> DomicileError:
        """413: the bytes would be too many."""
        return region_errors.storage_quota_exceeded(f"{self.size_bytes / _GIB:g} GiB of files")
