"""What batches need of the project's files: to find an input, and to add an output."""

from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.data_plane.storage.objects import StoredObject

INPUT_PURPOSE = "batch"


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file of a project."""

    file_id: str
    purpose: str
    parts: tuple[StoredObject, ...]
    """The objects that hold its content, one after the other."""


class BatchFiles(Protocol):
    """The files of the region's projects. Its methods raise the database's errors."""

    async def find(self, project_id: str, file_id: str) -> InputFile | None:
        """The file, or None where the project has none of this id that has not expired."""

    async def add(
        self, connection: AsyncConnection, stored: StoredObject, *, name: str, expires_after_s: int | None
    ) -> str:
        """Keep a written object as a file of its project with the purpose `batch_output`, in this transaction.

        Return the file's id. `expires_after_s`: seconds from now; None for the platform's default.
        """
