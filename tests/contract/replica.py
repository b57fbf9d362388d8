"""The files and uploads of one process of a region, on any database and any object store."""

import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select
from tests.unit.data_plane.policy.examples import US, caller
from tests.unit.data_plane.region_parts import SetClock

from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.files.quota import StorageQuota
from domicile.data_plane.files.record import StoredFile
from domicile.data_plane.files.service import FileService
from domicile.data_plane.files.uploads import StoredUpload, UploadService
from domicile.data_plane.policy.storing import admit_storing
from domicile.data_plane.storage.key_store import FolderKeyStore
from domicile.data_plane.storage.object_store import LocalObjectStore, ObjectStore
from domicile.data_plane.storage.object_stores import OwnStoreOnly
from domicile.data_plane.storage.objects import Objects
from domicile.data_plane.storage.project_keys import ProjectKeys
from domicile.data_plane.storage.region_key import HeldRegionKeys
from domicile.data_plane.tables import file, file_part, stored_object, upload, upload_part
from domicile.kernel.paging import Window
from domicile.persistence.database import Database

CALLER = caller(region="us")
ADMISSION = admit_storing(US, CALLER, Endpoint.FILES)
PROJECT = ADMISSION.project_id
KEY = os.urandom(32)


@dataclass
class Replica:
    """One process of a region."""

    database: Database
    objects: Objects
    files: FileService
    uploads: UploadService

    async def store(self, content: bytes, name: str = "a.txt", purpose: str = "user_data") -> StoredFile:
        incoming = await self.files.begin(ADMISSION, name)
        await incoming.write(content)
        return await self.files.create(ADMISSION, await incoming.close(), purpose=purpose, lifetime_s=None)

    async def add_part(self, to: StoredUpload, content: bytes) -> str:
        incoming = await self.uploads.begin_part(ADMISSION, to.upload_id)
        await incoming.write(content)
        return (await self.uploads.add_part(ADMISSION, to.upload_id, await incoming.close())).part_id

    async def names(self, window: Window, purpose: str | None = None) -> tuple[list[str], bool]:
        page = await self.files.page(CALLER, window, purpose)
        return [each.name for each in page.files], page.has_more

    async def content(self, of: StoredFile, start: int, end: int) -> bytes:
        found = await self.files.content(CALLER, of.file_id)
        return b"".join([piece async for piece in await self.files.read(found, start, end)])

    async def rows(self) -> list[int]:
        async with self.database.reading() as connection:
            return [
                (await connection.execute(select(func.count()).select_from(table))).scalar_one()
                for table in (file, file_part, stored_object, upload, upload_part)
            ]


def replica(
    database: Database, folder: Path, clock: SetClock, quota: StorageQuota, store: ObjectStore | None = None
) -> Replica:
    """`store`: in the place of a folder."""
    keys = ProjectKeys(FolderKeyStore(folder / "keys"), HeldRegionKeys([KEY]), clock)
    objects = Objects(OwnStoreOnly(store or LocalObjectStore(folder / "objects")), keys, database, clock)
    return Replica(
        database,
        objects,
        FileService(database, objects, keys, clock, quota),
        UploadService(database, objects, keys, clock, quota),
    )
