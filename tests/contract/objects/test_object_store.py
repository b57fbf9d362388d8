"""What every object store does."""

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.contract.objects.conftest import Unfinished

from domicile.data_plane.storage.object_store import UNFINISHED_S, LocalObjectStore, ObjectMissingError, ObjectStore

MIB = 1024 * 1024


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    for each in data:
        yield each


def files_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def names(store: ObjectStore) -> list[str]:
    return [name async for name in store.names()]


@pytest.mark.parametrize("size", [0, 1, 5 * MIB, 20 * MIB + 3])
async def test_what_is_put_is_read_again_whole_and_in_part(store: ObjectStore, size: int) -> None:
    content = os.urandom(size)
    await store.put("obj_1", pieces(*(content[start : start + MIB] for start in range(0, size, MIB))))
    assert await names(store) == ["obj_1"]
    for start, end in ((0, size), (size // 2, size // 2 + 10), (size - 1, size)):
        if 0 <= start < size:
            assert await store.read("obj_1", start, end) == content[start:end]


async def test_the_end_of_an_object_ends_a_read(store: ObjectStore) -> None:
    await store.put("obj_1", pieces(b"0123456789"))
    assert await store.read("obj_1", 8, 20) == b"89"


async def test_a_source_that_raises_leaves_nothing(store: ObjectStore, unfinished: Unfinished) -> None:
    async def broken() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield bytes(MIB)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.put("obj_1", broken())
    assert await names(store) == []
    assert unfinished() == 0


async def test_a_missing_object_is_told_from_a_store_that_is_away(store: ObjectStore) -> None:
    with pytest.raises(ObjectMissingError):
        await store.read("obj_1", 0, 1)
    await store.delete("obj_1")
    await store.put("obj_1", pieces(b"x"))
    await store.delete("obj_1")
    assert await names(store) == []


async def test_a_sweep_spares_what_another_process_is_uploading_into_the_folder(tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path)
    seen: list[str] = []
    dead = tmp_path / "obj_dead#1"
    dead.write_bytes(b"x")
    os.utime(dead, (time.time() - UNFINISHED_S - 10,) * 2)

    async def source() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield bytes(MIB)
        seen.extend(files_in(tmp_path))
        await LocalObjectStore(tmp_path).sweep()
        yield b"end"

    await store.put("obj_1", source())
    assert {"obj_dead#1", "obj_1#1"} <= set(seen)
    assert files_in(tmp_path) == ["obj_1"]
    assert await store.read("obj_1", 20 * MIB, 20 * MIB + 3) == b"end"
