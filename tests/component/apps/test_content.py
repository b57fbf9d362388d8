"""Opening a region's content: the first start makes a key, and no later start goes on without it."""

import os
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from domicile.apps.region.content import Content, open_content
from domicile.apps.region.enrollment import RegionStartError
from domicile.boundary.snapshot import Shard
from domicile.data_plane.storage.region_key import new_key_line
from tests.unit.data_plane.region_parts import (
    foundation,
    organization_record,
    project_record,
    region_settings,
    snapshot_table,
)

PROJECT = "proj_PPPPPPPPPPPPPPPPPPPPPPPP"


async def opened(folder: Path, stack: AsyncExitStack, **members: Any) -> Content:
    base = await foundation(region_settings(folder, **members), stack)
    base.snapshots.swap(snapshot_table(Shard("eu", 0, (organization_record(),), (project_record(),), ())))
    return await open_content(base, stack)


async def key_of(folder: Path, **members: Any) -> bytes:
    """The project's key, as a process finds it that starts now."""
    async with AsyncExitStack() as stack:
        return (await (await opened(folder, stack, **members)).keys.of_new_content(PROJECT)).key


async def test_a_key_is_made_at_the_first_start_only(tmp_path: Path) -> None:
    made = await key_of(tmp_path)
    file = next(tmp_path.rglob("region-key"))  # noqa: ASYNC240 - few
    assert file.stat().st_mode & 0o777 == 0o600
    assert await key_of(tmp_path) == made
    file.unlink()
    with pytest.raises(RegionStartError, match="Restore it"):
        await key_of(tmp_path)


async def test_a_key_file_that_is_configured_is_never_made(tmp_path: Path) -> None:
    file = tmp_path / "the-key"
    with pytest.raises(OSError, match="the-key"):
        await key_of(tmp_path, keys={"region_key_file": str(file)})
    file.write_text(new_key_line())
    file.chmod(0o644)
    with pytest.raises(RegionStartError, match="chmod 600"):
        await key_of(tmp_path, keys={"region_key_file": str(file)})
    file.chmod(0o600)
    assert await key_of(tmp_path, keys={"region_key_file": str(file)})


async def test_a_key_of_the_environment_is_not_left_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGION_KEY", new_key_line())
    assert await key_of(tmp_path, keys={"region_key_variable": "REGION_KEY"})
    assert "REGION_KEY" not in os.environ
    with pytest.raises(RegionStartError, match="32 bytes"):
        await key_of(tmp_path, keys={"region_key_variable": "REGION_KEY"})


async def test_credentials_are_read_from_their_file(tmp_path: Path) -> None:
    bucket = {"url": "https://s3.example.com", "bucket": "content", "signing_region": "eu-central-1", "country": "DE"}
    file = tmp_path / "credentials"
    with pytest.raises(RegionStartError, match="No such file"):
        await key_of(tmp_path, storage={"s3": {**bucket, "credentials_file": str(file)}})
    file.write_text("only-one-line\n")
    with pytest.raises(RegionStartError, match="2 lines"):
        await key_of(tmp_path, storage={"s3": {**bucket, "credentials_file": str(file)}})
