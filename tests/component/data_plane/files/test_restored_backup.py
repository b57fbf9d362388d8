"""The restore drill: database and objects of before a destruction are put back, and nothing of the project opens."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.component.data_plane.files.files_under_test import error_of, new_file
from tests.component.data_plane.region_under_test import region_under_test
from tests.unit.data_plane.region_parts import PROJECT

CONTENT = b"what the project must be sure is gone " * 50_000


def back_up(data: Path, to: Path) -> None:
    """As an operator does: the database by SQLite's own backup, and the objects. Not the key store."""
    to.mkdir()
    with closing(sqlite3.connect(data / "region.db")) as live, closing(sqlite3.connect(to / "region.db")) as copy:
        live.backup(copy)
    shutil.copytree(data / "objects", to / "objects")


def put_back(data: Path, backup: Path) -> None:
    for file in data.glob("region.db*"):
        file.unlink()
    shutil.copy(backup / "region.db", data / "region.db")
    shutil.rmtree(data / "objects")
    shutil.copytree(backup / "objects", data / "objects")


async def test_a_restored_backup_does_not_bring_back_what_was_destroyed(tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    async with region_under_test(tmp_path, []) as region:
        data = region.base.settings.data
        file_id = await new_file(region, CONTENT, "patients.csv")
        back_up(data, backup)
        content = region.path.content
        for destroy in (content.keys.destroy, content.files.destroy, content.objects.destroy):
            await destroy(PROJECT)
    put_back(data, backup)
    async with region_under_test(tmp_path, []) as region:
        # The rows are there again, and so are the bytes.
        assert len([path for path in (data / "objects").rglob("*") if path.is_file()]) == 1
        for path in ("/v1/files", f"/v1/files/{file_id}", f"/v1/files/{file_id}/content"):
            assert error_of(await region.http.get(path)) == (503, "content_unreadable", None)


async def test_a_restored_backup_brings_back_what_was_not(tmp_path: Path) -> None:
    """So that the test above cannot pass for another reason."""
    backup = tmp_path / "backup"
    async with region_under_test(tmp_path, []) as region:
        data = region.base.settings.data
        file_id = await new_file(region, CONTENT, "patients.csv")
        back_up(data, backup)
        assert (await region.http.delete(f"/v1/files/{file_id}")).status_code == 200
    put_back(data, backup)
    async with region_under_test(tmp_path, []) as region:
        assert (await region.http.get(f"/v1/files/{file_id}")).json()["filename"] == "patients.csv"
        assert (await region.http.get(f"/v1/files/{file_id}/content")).content == CONTENT
