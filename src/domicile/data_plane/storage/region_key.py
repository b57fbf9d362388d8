"""The region's key, which wraps the key of each project. It is not in any database, nor in what backs one up."""

import base64
import binascii
import hashlib
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from domicile.data_plane.storage.wrapping import WRAPPING_KEY_BYTES, WrongKeyError, unwrap, wrap
from domicile.kernel.dependency import DependencyUnavailableError

_FORMAT = b"\x01"
_KEY_ID_BYTES = 8


class RegionKeyUnavailableError(DependencyUnavailableError):
    """The provider of the region's key is away, or does not have the key that wrapped this. Its text is a type's name."""


class RegionKeyProvider(Protocol):
    """Wraps keys of projects. The region's key itself stays inside."""

    async def wrap(self, key: bytes, purpose: str) -> bytes:
        """Return `key` wrapped with the region's current key. Raises `RegionKeyUnavailableError`."""

    async def unwrap(self, wrapped: bytes, purpose: str) -> bytes:
        """Return the key. Raises `RegionKeyUnavailableError`, and `WrongKeyError` for damaged bytes or another purpose."""

    def is_current(self, wrapped: bytes) -> bool:
        """Whether the region's current key wrapped this. If not, it is time to wrap it again."""


class HeldRegionKeys:
    """Keys that this process holds: the current one, and older ones that may still have wrapped something."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """The first is the current one. ValueError unless each has 32 bytes, and there is one."""
        if not keys or any(len(key) != WRAPPING_KEY_BYTES for key in keys):
            raise ValueError(f"a region's key has {WRAPPING_KEY_BYTES} bytes")
        self._keys: Mapping[bytes, bytes] = {_key_id(key): key for key in keys}
        self._current = _key_id(keys[0])

    async def wrap(self, key: bytes, purpose: str) -> bytes:
        return _FORMAT + self._current + wrap(self._keys[self._current], key, purpose)

    async def unwrap(self, wrapped: bytes, purpose: str) -> bytes:
        key_id, sealed = wrapped[1 : 1 + _KEY_ID_BYTES], wrapped[1 + _KEY_ID_BYTES :]
        if not wrapped.startswith(_FORMAT):
            raise WrongKeyError
        if key_id not in self._keys:
            raise RegionKeyUnavailableError
        return unwrap(self._keys[key_id], sealed, purpose)

    def is_current(self, wrapped: bytes) -> bool:
        return wrapped.startswith(_FORMAT + self._current)


def new_key_line() -> str:
    """A new key as a line of a key file: base64."""
    return base64.b64encode(os.urandom(WRAPPING_KEY_BYTES)).decode("ascii")


def parse_keys(text: str) -> list[bytes]:
    """The keys of a file or an environment variable: one in base64 on each line, the current one first.

    ValueError for a line that is no key. Its text does not repeat the line.
    """
    try:
        keys = [base64.b64decode(line, validate=True) for line in text.split()]
    except binascii.Error:
        raise ValueError("a region's key is 32 bytes in base64, one key on each line") from None
    if not keys or any(len(key) != WRAPPING_KEY_BYTES for key in keys):
        raise ValueError("a region's key is 32 bytes in base64, one key on each line")
    return keys


def read_key_file(path: Path) -> list[bytes]:
    """The keys of a file that only its owner may read. OSError, or ValueError for another mode or no key."""
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ValueError(f"{path} may be read by others: run 'chmod 600 {path}'")
    return parse_keys(path.read_text("ascii"))


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"domicile region key\n" + key).digest()[:_KEY_ID_BYTES]
