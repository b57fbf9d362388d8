"""What a region is, is recorded at its first start and for ever (design 6)."""

import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domicile.boundary.enrollment import EnrollmentToken
from domicile.data_plane.identity import Identity, IdentityError, IdentityRepository, load_or_make_key
from domicile.persistence.database import Database
from tests.unit.data_plane.region_parts import NOW_MS, Publisher, database_in, region_settings

KEY = Ed25519PrivateKey.generate()


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with database_in(tmp_path, "region") as database:
        yield database


class Starts:
    """Starts of one region on one database."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.repository = IdentityRepository(database)
        self.folder = folder

    async def start(self, key: Ed25519PrivateKey = KEY, **changes: Any) -> Identity:
        return await self.repository.open(region_settings(self.folder, **changes), key)

    async def refusal(self, key: Ed25519PrivateKey = KEY, **changes: Any) -> str:
        with pytest.raises(IdentityError) as caught:
            await self.start(key, **changes)
        return str(caught.value)


@pytest_asyncio.fixture
async def starts(database: Database, tmp_path: Path) -> Starts:
    starts = Starts(database, tmp_path)
    await starts.start()
    return starts


async def test_the_same_region_starts_again(starts: Starts) -> None:
    identity = await starts.start()
    assert (identity.code, identity.key, identity.enrollment) == ("eu", KEY, None)


async def test_what_may_change_changes(starts: Starts) -> None:
    await starts.start(public_url="https://other.example.com/v1", listen={"port": 9}, geography="EUR")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"code": "us"}, "this data belongs to region 'eu'; it can never become 'us'"),
        ({"residency": "EU_PROCESSING"}, "is EU_STORAGE_PROCESSING for ever; the configuration says EU_PROCESSING"),
        ({"countries": ["EEA+CH", "GB"]}, "may only become fewer; the configuration adds GB"),
        ({"countries": ["US"]}, "may only become fewer; the configuration adds US"),
        ({"countries": ["DE", "US", "GB"]}, "may only become fewer; the configuration adds GB, US"),
    ],
)
async def test_a_difference_refuses_with_its_reason_and_changes_nothing(
    starts: Starts, changes: dict[str, Any], reason: str
) -> None:
    assert reason in await starts.refusal(**changes)
    await starts.start()


async def test_another_key_refuses(starts: Starts) -> None:
    assert "identity key is not the one" in await starts.refusal(Ed25519PrivateKey.generate())


async def test_fewer_countries_are_accepted_and_are_then_the_most_there_can_be(starts: Starts) -> None:
    await starts.start(countries=["EEA"])
    await starts.start(countries=["DE", "FR"])
    assert "adds CH" in await starts.refusal(countries=["DE", "FR", "CH"])
    assert "may only become fewer" in await starts.refusal(countries=["EEA"])
    await starts.start(countries=["FR"])


async def test_an_enrollment_is_remembered(starts: Starts) -> None:
    enrollment = Publisher(serial=7).enrollment
    assert enrollment.root_key is not None
    token = EnrollmentToken(enrollment.installation_id, "eu", enrollment.root_key, enrollment.serial, b"s" * 32)
    assert await starts.repository.record_enrollment(token, NOW_MS) == enrollment
    assert (await starts.start()).enrollment == enrollment


class TestKeyFile:
    def test_it_is_made_once_for_its_user_alone(self, tmp_path: Path) -> None:
        previous = os.umask(0)
        try:
            key = load_or_make_key(tmp_path / "identity.key")
        finally:
            os.umask(previous)
        file = tmp_path / "identity.key"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert len(file.read_bytes()) == 32
        assert [item.name for item in tmp_path.iterdir()] == ["identity.key"]
        again = load_or_make_key(file)
        assert again.private_bytes_raw() == key.private_bytes_raw()

    def test_a_draft_that_was_left_behind_is_no_key(self, tmp_path: Path) -> None:
        draft = tmp_path / "identity.new"
        draft.write_bytes(b"half")
        draft.chmod(0o644)
        load_or_make_key(tmp_path / "identity.key")
        file = tmp_path / "identity.key"
        assert len(file.read_bytes()) == 32
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    @pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33])
    def test_a_damaged_file_is_an_error_and_never_replaced(self, tmp_path: Path, content: bytes) -> None:
        file = tmp_path / "identity.key"
        file.write_bytes(content)
        with pytest.raises(ValueError, match="32"):
            load_or_make_key(file)
        assert file.read_bytes() == content
