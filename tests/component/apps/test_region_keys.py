"""Escrow: a region that loses its key store gets it back from an export, and a destroyed project stays destroyed."""

import shutil
from contextlib import AsyncExitStack
from pathlib import Path

import pyrage
import pytest
from sqlalchemy import insert

from domicile.apps.region.content import open_keys
from domicile.apps.region.keys import export_keys, import_keys, list_exports
from domicile.data_plane.egress import EgressPolicy
from domicile.data_plane.storage.escrow import EscrowError
from domicile.data_plane.storage.key_store import FolderKeyStore
from domicile.data_plane.tables import destroyed_project
from domicile.kernel.clock import SystemClock
from domicile.kernel.geography import country_set
from domicile.persistence.database import Database, sqlite_url
from domicile.settings.installation import RegionSettings
from tests.unit.data_plane.region_parts import region_settings

FIRST, SECOND = "proj_" + "A" * 24, "proj_" + "B" * 24


class Escrowed:
    """A region's settings, and an age key as `age-keygen` writes it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.settings: RegionSettings = region_settings(folder)
        identity = pyrage.x25519.Identity.generate()
        self.recipient = str(identity.to_public())
        self.identity = folder / "identity.txt"
        self.identity.write_text(f"# public key: {self.recipient}\n{identity}\n")
        self.target = folder / "export.age"

    async def keys(self, *projects: str) -> dict[str, bytes]:
        """The keys as a process finds them that starts now. They are made where they are missing."""
        egress = EgressPolicy(country_set(self.settings.countries))
        async with AsyncExitStack() as stack:
            keys = await open_keys(self.settings, egress, SystemClock(), stack)
            return {project: (await keys.of_new_content(project)).key for project in projects}

    async def destroy(self, project: str) -> None:
        database = Database(sqlite_url(self.settings.data / "region.db"))
        async with database.transaction() as connection:
            await connection.execute(insert(destroyed_project).values(project_id=project, destroyed_at_ms=1))
        await database.close()


@pytest.fixture
def escrowed(tmp_path: Path) -> Escrowed:
    return Escrowed(tmp_path)


async def test_a_lost_key_store_and_a_lost_region_key_come_back(
    escrowed: Escrowed, capsys: pytest.CaptureFixture[str]
) -> None:
    made = await escrowed.keys(FIRST, SECOND)
    await export_keys(escrowed.settings, escrowed.recipient, escrowed.target)
    assert "Export 1 of region 'eu' with the keys of 2 projects" in capsys.readouterr().out
    assert escrowed.target.stat().st_mode & 0o777 == 0o600
    assert not any(key in escrowed.target.read_bytes() for key in made.values())
    data = escrowed.settings.data
    shutil.rmtree(data / "project-keys")
    (data / "region-key").unlink()
    await import_keys(escrowed.settings, escrowed.target, escrowed.identity)
    assert "2 keys are restored" in capsys.readouterr().out
    assert await escrowed.keys(FIRST, SECOND) == made
    await import_keys(escrowed.settings, escrowed.target, escrowed.identity)
    assert "0 keys are restored" in capsys.readouterr().out


async def test_a_destroyed_project_is_not_restored_and_its_exports_are_named(
    escrowed: Escrowed, capsys: pytest.CaptureFixture[str]
) -> None:
    made = await escrowed.keys(FIRST, SECOND)
    await export_keys(escrowed.settings, escrowed.recipient, escrowed.target)
    await escrowed.destroy(FIRST)
    shutil.rmtree(escrowed.settings.data / "project-keys")
    await import_keys(escrowed.settings, escrowed.target, escrowed.identity)
    assert "1 keys are restored. 1 projects" in capsys.readouterr().out
    again = await escrowed.keys(FIRST, SECOND)
    assert (again[SECOND], again[FIRST] == made[FIRST]) == (made[SECOND], False)
    await export_keys(escrowed.settings, escrowed.recipient, escrowed.target.with_name("second.age"))
    await list_exports(escrowed.settings)
    assert f"1: keys of 2 projects; destroyed since: {FIRST}\n" in capsys.readouterr().out


async def test_a_key_that_an_organizations_own_key_wraps_is_left_out(
    escrowed: Escrowed, capsys: pytest.CaptureFixture[str]
) -> None:
    await escrowed.keys(FIRST)
    store = FolderKeyStore(escrowed.settings.data / "project-keys")
    await store.add(SECOND, b"\x03wrapped elsewhere")
    await export_keys(escrowed.settings, escrowed.recipient, escrowed.target)
    told = capsys.readouterr().out
    assert "with the keys of 1 projects" in told
    assert "It leaves out 1 projects" in told


async def test_what_does_not_open_says_so_and_leaves_no_file(escrowed: Escrowed, tmp_path: Path) -> None:
    await escrowed.keys(FIRST)
    with pytest.raises(EscrowError, match="age1"):
        await export_keys(escrowed.settings, "somebody", escrowed.target)
    assert not escrowed.target.exists()
    await export_keys(escrowed.settings, escrowed.recipient, escrowed.target)
    with pytest.raises(FileExistsError):
        await export_keys(escrowed.settings, escrowed.recipient, escrowed.target)
    other = Escrowed(tmp_path / "other")
    with pytest.raises(EscrowError, match="does not open"):
        await import_keys(escrowed.settings, escrowed.target, other.identity)
    escrowed.identity.write_text("")
    with pytest.raises(EscrowError, match="AGE-SECRET-KEY"):
        await import_keys(escrowed.settings, escrowed.target, escrowed.identity)


async def test_an_export_of_another_region_is_refused(escrowed: Escrowed, tmp_path: Path) -> None:
    await escrowed.keys(FIRST)
    await export_keys(escrowed.settings, escrowed.recipient, escrowed.target)
    elsewhere = escrowed.settings.model_copy(update={"code": "de"})
    with pytest.raises(EscrowError, match="of region 'eu', not of 'de'"):
        await import_keys(elsewhere, escrowed.target, escrowed.identity)
