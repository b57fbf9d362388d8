"""How much content one project may store here."""

from dataclasses import dataclass

from sqlalchemy import func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.data_plane import region_errors
from domicile.data_plane.tables import file, upload

_GIB = 1024**3


@dataclass(frozen=True, slots=True)
class StorageQuota:
    """The same for each project."""

    files: int
    size_bytes: int

    async def require_room(self, connection: AsyncConnection, project_id: str, *, size_bytes: int) -> None:
        """Raise 413 unless the project may store one file more, of this size.

        Exact in a writing transaction that also stores the file. Files and uploads that have expired count until they are
        swept. A pending upload has its place, with the size that was announced.
        """
        is_pending = upload.c.status == "pending"
        count, held_bytes = 0, 0
        for table, condition in ((file, true()), (upload, is_pending)):
            sums = select(func.count(), func.coalesce(func.sum(table.c.size_bytes), 0))
            found = (await connection.execute(sums.where(table.c.project_id == project_id, condition))).one()
            count, held_bytes = count + found[0], held_bytes + int(found[1])
        if count >= self.files:
            raise region_errors.storage_quota_exceeded(f"{count + 1} files", f"{self.files} files")
        if held_bytes + size_bytes > self.size_bytes:
            held, limit = (held_bytes + size_bytes) / _GIB, self.size_bytes / _GIB
            raise region_errors.storage_quota_exceeded(f"{held:.2f} GiB of files", f"{limit:.2f} GiB")
