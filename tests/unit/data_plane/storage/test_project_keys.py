"""Keys of projects: made once, wrapped by the region's key, rewrapped without touching an object, destroyed for good."""

import os
from pathlib import Path

import pytest

from domicile.data_plane.storage.key_store import FolderKeyStore, KeyStoreUnavailableError
from domicile.data_plane.storage.project_keys import HELD_MS, ProjectKeyGoneError, ProjectKeys
from domicile.data_plane.storage.region_key import HeldRegionKeys, RegionKeyUnavailableError
from domicile.data_plane.storage.wrapping import WrongKeyError, unwrap, wrap
from tests.unit.data_plane.region_parts import SetClock

PROJECT, OTHER = "proj_1", "proj_2"
FIRST, SECOND = bytes(32), bytes([1]) * 32


@pytest.fixture
def store(tmp_path: Path) -> FolderKeyStore:
    return FolderKeyStore(tmp_path / "keys")


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


def keys_of(store: FolderKeyStore, clock: SetClock, *region_keys: bytes) -> ProjectKeys:
    return ProjectKeys(store, HeldRegionKeys(region_keys or (FIRST,)), clock)


async def test_a_key_is_made_for_the_first_content_and_is_the_same_ever_after(
    store: FolderKeyStore, clock: SetClock
) -> None:
    keys = keys_of(store, clock)
    with pytest.raises(ProjectKeyGoneError):
        await keys.of(PROJECT)
    made = await keys.of_new_content(PROJECT)
    assert await keys_of(store, clock).of_new_content(PROJECT) == made
    assert (await keys.of_new_content(OTHER)).key != made.key


async def test_two_processes_that_make_a_key_at_once_get_the_same(store: FolderKeyStore, clock: SetClock) -> None:
    first, second = keys_of(store, clock), keys_of(store, clock)
    wrapped = await HeldRegionKeys([FIRST]).wrap(bytes(32), f"domicile project key\n{PROJECT}")
    assert await store.add(PROJECT, wrapped) == wrapped
    assert await store.add(PROJECT, b"another") == wrapped
    assert await first.of(PROJECT) == await second.of(PROJECT)


async def test_what_a_key_wraps_opens_for_its_object_and_its_text_only(store: FolderKeyStore, clock: SetClock) -> None:
    keys = keys_of(store, clock)
    key, other = await keys.of_new_content(PROJECT), await keys.of_new_content(OTHER)
    wrapped, sealed = key.wrap_object_key("obj_1", b"k" * 32), key.seal_text("file.name file-1", "patient.mp3")
    assert key.unwrap_object_key("obj_1", wrapped) == b"k" * 32
    assert key.open_text("file.name file-1", sealed) == "patient.mp3"
    for call in (
        lambda: key.unwrap_object_key("obj_2", wrapped),
        lambda: other.unwrap_object_key("obj_1", wrapped),
        lambda: key.open_text("file.name file-2", sealed),
        lambda: key.open_text("obj_1", wrapped),
        lambda: key.open_text("file.name file-1", sealed[:-1]),
        lambda: key.open_text("file.name file-1", b""),
    ):
        with pytest.raises(WrongKeyError):
            call()


async def test_a_destroyed_key_is_gone_here_at_once_and_everywhere_within_half_a_minute(
    store: FolderKeyStore, clock: SetClock
) -> None:
    here, elsewhere = keys_of(store, clock), keys_of(store, clock)
    await here.of_new_content(PROJECT)
    await elsewhere.of(PROJECT)
    await here.destroy(PROJECT)
    with pytest.raises(ProjectKeyGoneError):
        await here.of(PROJECT)
    clock.ms += HELD_MS
    with pytest.raises(ProjectKeyGoneError):
        await elsewhere.of(PROJECT)
    assert await store.projects() == []


async def test_a_new_region_key_rewraps_the_keys_of_projects_and_nothing_else(
    store: FolderKeyStore, clock: SetClock
) -> None:
    made = await keys_of(store, clock, FIRST).of_new_content(PROJECT)
    rotating = keys_of(store, clock, SECOND, FIRST)
    assert await rotating.of(PROJECT) == made
    assert [await rotating.rewrap_all(), await rotating.rewrap_all()] == [1, 0]
    assert await keys_of(store, clock, SECOND).of(PROJECT) == made
    with pytest.raises(RegionKeyUnavailableError):
        await keys_of(store, clock, FIRST).of(PROJECT)


async def test_a_wrapped_key_of_another_project_does_not_open(store: FolderKeyStore, clock: SetClock) -> None:
    """As somebody would try who may write to the key store."""
    await keys_of(store, clock).of_new_content(PROJECT)
    stolen = await store.get(PROJECT)
    assert stolen is not None
    await store.add(OTHER, stolen)
    with pytest.raises(WrongKeyError):
        await keys_of(store, clock).of(OTHER)


async def test_the_folder_is_for_its_owner_only(store: FolderKeyStore, clock: SetClock, tmp_path: Path) -> None:
    await keys_of(store, clock).of_new_content(PROJECT)
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "keys").iterdir()}
    assert ((tmp_path / "keys").stat().st_mode & 0o777, modes) == (0o700, {0o600})


async def test_a_store_that_is_away_is_no_missing_key(store: FolderKeyStore, clock: SetClock, tmp_path: Path) -> None:
    (tmp_path / "keys").rmdir()
    (tmp_path / "keys").write_text("no folder")
    with pytest.raises(KeyStoreUnavailableError):
        await keys_of(store, clock).of(PROJECT)


def test_wrapping_uses_another_nonce_each_time() -> None:
    key = os.urandom(32)
    assert wrap(key, b"s", "p") != wrap(key, b"s", "p")
    assert unwrap(key, wrap(key, b"s", "p"), "p") == b"s"
