"""Sealed objects: any part opens alone, and nothing opens that was cut, moved, repeated, changed or of another."""

import dataclasses
from collections.abc import AsyncIterator, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domicile.data_plane.storage import sealing
from domicile.data_plane.storage.sealing import (
    DamagedObjectError,
    ObjectKey,
    Segments,
    seal,
    sealed_size,
    segments_of,
    unseal,
)

KEY = ObjectKey(bytes(range(32)), "proj_1", "obj_1")
SEGMENT = 64


@pytest.fixture(autouse=True)
def _small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "SEGMENT_BYTES", SEGMENT)
    monkeypatch.setattr(sealing, "_SEALED_SEGMENT_BYTES", SEGMENT + sealing.TAG_BYTES)


async def pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def sealed(data: bytes, size: int = 50, key: ObjectKey = KEY) -> bytes:
    return b"".join([segment async for segment in seal(pieces(data, size), key)])


async def read(stored: bytes, start: int, end: int, size: int, key: ObjectKey = KEY) -> bytes:
    """As a reader does: two segments at a time."""
    opened, skipped = b"", None
    for segments in segments_of(size, start, end, at_once=2):
        skipped = segments.plain_start if skipped is None else skipped
        opened += await unseal(stored[segments.stored_start : segments.stored_end], segments, key)
    assert skipped is not None
    return opened[start - skipped : end - skipped]


@pytest.mark.parametrize("size", [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 3 * SEGMENT, 3 * SEGMENT + 5])
@pytest.mark.parametrize("piece", [1, SEGMENT, 1000])
async def test_what_is_sealed_is_opened_again(size: int, piece: int) -> None:
    data = bytes(index % 251 for index in range(size))
    stored = await sealed(data, piece)
    assert len(stored) == sealed_size(size)
    assert await read(stored, 0, size, size) == data


@settings(deadline=None)
@given(size=st.integers(0, 300), bounds=st.tuples(st.integers(0, 300), st.integers(0, 300)))
async def test_any_range_is_read_from_its_own_segments(size: int, bounds: tuple[int, int]) -> None:
    data = bytes(index % 251 for index in range(size))
    start, end = sorted(min(bound, size) for bound in bounds)
    assert await read(await sealed(data), start, end, size) == data[start:end]


PART = SEGMENT + sealing.TAG_BYTES
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut at a segment": lambda stored: stored[: 2 * PART],
    "cut inside of a segment": lambda stored: stored[:-1],
    "nothing left": lambda _: b"",
    "first segment gone": lambda stored: stored[PART:],
    "two swapped": lambda stored: stored[PART : 2 * PART] + stored[:PART] + stored[2 * PART :],
    "one twice": lambda stored: stored[:PART] + stored[:PART] + stored[2 * PART :],
    "a byte changed": lambda stored: stored[:70] + bytes([stored[70] ^ 1]) + stored[71:],
    "something added": lambda stored: stored + b"x",
    "a segment added": lambda stored: stored + stored[:PART],
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("claims", ["its size", "the size that is left"])
async def test_a_damaged_object_does_not_open(damage: str, claims: str) -> None:
    data = b"x" * (3 * SEGMENT)
    stored = DAMAGES[damage](await sealed(data))
    size = len(data) if claims == "its size" else max(0, len(stored) - -(-len(stored) // PART) * sealing.TAG_BYTES)
    with pytest.raises(DamagedObjectError):
        await unseal(stored, Segments(size, 0, -(-size // SEGMENT) or 1), KEY)


@pytest.mark.parametrize("changed", [{"key": bytes(32)}, {"project_id": "proj_2"}, {"object_id": "obj_2"}], ids=str)
async def test_an_object_opens_under_its_own_key_and_names_only(changed: dict[str, object]) -> None:
    stored = await sealed(b"secret")
    with pytest.raises(DamagedObjectError):
        await unseal(stored, Segments(6, 0, 1), dataclasses.replace(KEY, **changed))  # type: ignore[arg-type]
