"""Encrypts an object in segments, so that any part of it can be read, checked and opened without the rest.

Segments of 1 MiB, each sealed with AES-256-GCM under the object's own key (the STREAM construction of Hoang, Reyhanitabar,
Rogaway and Vizár, 2015). The nonce holds the segment's number and whether it is the last one. So a segment that is missing,
moved, repeated, cut, or another object's does not open. A key seals one object only, so no nonce is used twice.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domicile.process.off_loop import off_loop

KEY_BYTES = 32
SEGMENT_BYTES = 1024 * 1024
"""Of plain content. Every segment but the last is full; an empty object has one empty segment."""
TAG_BYTES = 16
_SEALED_SEGMENT_BYTES = SEGMENT_BYTES + TAG_BYTES


class DamagedObjectError(Exception):
    """The stored bytes are not those that were sealed, or not under this key. Its text says nothing of them."""


@dataclass(frozen=True, slots=True)
class ObjectKey:
    """The key of one object, and what its segments are bound to."""

    key: bytes
    project_id: str
    object_id: str

    @property
    def associated_data(self) -> bytes:
        """Binds a segment to its project and object: elsewhere it does not open."""
        return f"domicile object\n{self.project_id}\n{self.object_id}".encode("ascii")


def sealed_size(size_bytes: int) -> int:
    """How many bytes an object of this many bytes takes in the store."""
    return size_bytes + _segments(size_bytes) * TAG_BYTES


async def seal(plain: AsyncIterator[bytes], key: ObjectKey) -> AsyncIterator[bytes]:
    """Yield the sealed segments of an object. Holds at most one segment and one piece of `plain` in memory."""
    sealer = _Cipher(key)
    held, number = bytearray(), 0
    async for piece in plain:
        held += piece
        # The last segment is marked, so a full one waits until one byte more has come.
        while len(held) > SEGMENT_BYTES:
            segment = bytes(held[:SEGMENT_BYTES])
            del held[:SEGMENT_BYTES]
            yield await sealer.seal(number, segment, is_last=False)
            number += 1
    yield await sealer.seal(number, bytes(held), is_last=True)


@dataclass(frozen=True, slots=True)
class Segments:
    """Consecutive segments of one object, and where they lie in the store."""

    size_bytes: int
    """Of the whole object, plain."""
    first: int
    count: int

    @property
    def plain_start(self) -> int:
        """Where the first segment begins in the object."""
        return self.first * SEGMENT_BYTES

    @property
    def stored_start(self) -> int:
        """Where the first segment begins in the store."""
        return self.first * _SEALED_SEGMENT_BYTES

    @property
    def stored_end(self) -> int:
        """Where the last segment ends in the store."""
        return min((self.first + self.count) * _SEALED_SEGMENT_BYTES, sealed_size(self.size_bytes))


def segments_of(size_bytes: int, start: int, end: int, *, at_once: int) -> Iterator[Segments]:
    """Yield the segments that hold the bytes `start` to `end` (exclusive) of an object, at most `at_once` together.

    0 <= start <= end <= size_bytes. An empty range is in one segment all the same, so that the object is checked.
    """
    first = min(start // SEGMENT_BYTES, _segments(size_bytes) - 1)
    after = max(first + 1, -(-end // SEGMENT_BYTES))
    for each in range(first, after, at_once):
        yield Segments(size_bytes, each, min(at_once, after - each))


async def unseal(stored: bytes, segments: Segments, key: ObjectKey) -> bytes:
    """Open these segments. Raises `DamagedObjectError` when `stored` is not exactly what was sealed."""
    if len(stored) != segments.stored_end - segments.stored_start:
        raise DamagedObjectError
    opener, last = _Cipher(key), _segments(segments.size_bytes) - 1
    opened = []
    for index in range(segments.count):
        number = segments.first + index
        segment = stored[index * _SEALED_SEGMENT_BYTES : (index + 1) * _SEALED_SEGMENT_BYTES]
        opened.append(await opener.open(number, segment, is_last=number == last))
    return b"".join(opened)


class _Cipher:
    def __init__(self, key: ObjectKey) -> None:
        self._cipher = AESGCM(key.key)
        self._associated_data = key.associated_data
        self._project_id = key.project_id

    async def seal(self, number: int, segment: bytes, *, is_last: bool) -> bytes:
        nonce = _nonce(number, is_last=is_last)
        return await off_loop(
            lambda: self._cipher.encrypt(nonce, segment, self._associated_data), len(segment), self._project_id
        )

    async def open(self, number: int, segment: bytes, *, is_last: bool) -> bytes:
        nonce = _nonce(number, is_last=is_last)
        try:
            return await off_loop(
                lambda: self._cipher.decrypt(nonce, segment, self._associated_data), len(segment), self._project_id
            )
        except InvalidTag:
            raise DamagedObjectError from None


def _segments(size_bytes: int) -> int:
    return max(1, -(-size_bytes // SEGMENT_BYTES))


def _nonce(number: int, *, is_last: bool) -> bytes:
    """96 bits: 3 bytes of zeros, the number of the segment, and whether it is the last."""
    return bytes(3) + number.to_bytes(8, "big") + bytes([is_last])
