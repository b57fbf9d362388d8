"""The files of a project as batches use them: an input is found, and an output is added."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.data_plane.files import repository
from domicile.data_plane.files.record import new_record
from domicile.data_plane.storage.objects import Objects, StoredObject
from domicile.data_plane.storage.project_keys import ProjectKeys
from domicile.kernel.clock import Clock
from domicile.kernel.ids import is_id
from domicile.openai_api.files import FILE_ID_PREFIX
from domicile.persistence.database import Database

INPUT_PURPOSE = "batch"
_OUTPUT_PURPOSE = "batch_output"


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file of a project."""

    file_id: str
    purpose: str
    parts: tuple[StoredObject, ...]
    """The objects that hold its content, one after the other."""


class BatchFiles:
    """Raises the errors of the database and of the key store."""

    def __init__(self, database: Database, objects: Objects, keys: ProjectKeys, clock: Clock) -> None:
        self._database = database
        self._objects = objects
        self._keys = keys
        self._clock = clock

    async def find(self, project_id: str, file_id: str) -> InputFile | None:
        """The file, or None where the project has none of this id that has not expired."""
        if not is_id(FILE_ID_PREFIX, file_id):
            return None
        async with self._database.reading() as connection:
            record = await repository.find_file(connection, project_id, file_id, now_ms=self._clock.now_ms())
            parts = [] if record is None else await repository.parts_of(connection, record)
        return None if record is None else InputFile(file_id, record.purpose, tuple(parts))

    async def add(
        self, connection: AsyncConnection, stored: StoredObject, *, name: str, expires_after_s: int | None
    ) -> str:
        """Keep a written object as a file, in this transaction, and return the file's id.

        Raises `ProjectDestroyedError` and `ProjectKeyGoneError`. The project's quota does not count here: the lines have run.
        """
        record = new_record(
            await self._keys.of(stored.project_id),
            name=name,
            purpose=_OUTPUT_PURPOSE,
            size_bytes=stored.size_bytes,
            lifetime_s=expires_after_s,
            now_ms=self._clock.now_ms(),
        )
        await self._objects.keep(connection, stored)
        await repository.insert_file(connection, record, [stored])
        return record.file_id
