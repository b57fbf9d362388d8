"""The first start: what it makes, that a crash leaves no installation without a key, and that the second makes nothing."""

import stat
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from domicile.control_plane.first_start import open_installation
from domicile.control_plane.secret_files import write_secret
from domicile.kernel.clock import SystemClock
from domicile.persistence.database import Database, sqlite_url
from tests.component.control_plane.platform_under_test import Start, settings


def _mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def _drafts(folder: Path) -> list[Path]:
    return [file for file in folder.rglob(".*") if file.is_file()]


async def test_secrets_lie_in_files_of_this_user_only(start: Start, tmp_path: Path) -> None:
    await start()
    assert _mode(tmp_path / "control") == 0o700
    for name in ("operator.key", "admin.key", "control/publisher.key"):
        assert _mode(tmp_path / name) == 0o600, name
    assert (tmp_path / "operator.key").read_text().startswith("opk-")
    assert (tmp_path / "admin.key").read_text().startswith("sk-admin-1")
    assert not _drafts(tmp_path)


async def test_a_second_start_makes_nothing_new(start: Start, tmp_path: Path) -> None:
    files = ("operator.key", "admin.key", "control/publisher.key")
    async with AsyncExitStack() as first:
        platform = await start(lifetime=first)
        identity = platform.running.identity
    before = {name: (tmp_path / name).read_bytes() for name in files}
    platform = await start()
    assert platform.running.identity == identity
    assert {name: (tmp_path / name).read_bytes() for name in files} == before
    assert len((await platform.operate("GET", "/organizations"))["data"]) == 1
    assert (await platform.ask("GET", "/v1/organization/projects"))[0] == 200


async def test_the_admin_key_is_printed_once_where_no_file_is_named(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "admin.key").write_text("not used")
    installation = settings(tmp_path, first_organization={"agreement": True})
    async with AsyncExitStack() as first:
        platform = await start(installation, first)
        (line,) = [line for line in capsys.readouterr().out.splitlines() if "sk-admin-" in line]
        status, _ = await platform.ask("GET", "/v1/organization/projects", key=line.split()[-1])
        assert status == 200
    await start(installation)
    assert "sk-admin-" not in capsys.readouterr().out
    assert (tmp_path / "admin.key").read_text() == "not used"


async def test_a_crash_while_the_key_is_handed_over_leaves_a_first_start(start: Start, tmp_path: Path) -> None:
    async with AsyncExitStack() as first:
        # Makes the schema; then the database is emptied of its first start by taking another file.
        await start(lifetime=first)
    database = Database(sqlite_url(tmp_path / "control" / "control.db"))
    try:
        async with database.transaction() as connection:
            await connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
            for table in ("installation", "audit_event", "admin_key", "agreement", "organization"):
                await connection.exec_driver_sql(f"DELETE FROM {table}")

        def crash(_secret: str) -> None:
            raise OSError("the disk is full")

        with pytest.raises(OSError, match="full"):
            await open_installation(database, SystemClock(), with_agreement=True, hand_over=crash)
        handed: list[str] = []
        made = await open_installation(database, SystemClock(), with_agreement=True, hand_over=handed.append)
        again = await open_installation(database, SystemClock(), with_agreement=True, hand_over=handed.append)
    finally:
        await database.close()
    assert again == made
    (secret,) = handed
    # Of the installation that was undone: another one's certificate is never taken.
    (tmp_path / "control" / "publisher.certificate").unlink()
    platform = await start()
    assert platform.running.identity == made
    assert (await platform.ask("GET", "/v1/organization/projects", key=secret))[0] == 200
    # The file still holds the key of the start that was undone; it opens nothing.
    assert (await platform.ask("GET", "/v1/organization/projects"))[0] == 401


def test_a_secret_file_is_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "secret"
    write_secret(file, b"first")
    file.chmod(0o644)
    write_secret(file, b"second")
    assert (file.read_bytes(), _mode(file)) == (b"second", 0o600)
    assert [each.name for each in file.parent.iterdir()] == ["secret"]
