"""The grammar of API keys (design 2, contract C12 and C14).

    sk-<region code or "admin">-1<32 random base62><6 base62: CRC-32 of "domicile:" + installation + ":" + all before it>

The checksum catches typing errors and helps secret scanners. It is public and authorizes nothing. A key is valid only when its
SHA-256 is in the table of the region that it names (an admin key's: of the control plane).
"""

import hashlib
import re
import zlib
from dataclasses import dataclass, field

from domicile.kernel.ids import BASE62, RESERVED_REGION_CODES, is_region_code, random_base62

ADMIN = "admin"
_PAIRS = tuple(first + second for first in BASE62 for second in BASE62)
_SHAPE = re.compile(r"sk-([a-z][a-z0-9]{1,7})-1([0-9A-Za-z]{32})([0-9A-Za-z]{6})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ParsedKey:
    """A key whose shape and checksum are right. It says where the key belongs, not that the key is valid."""

    realm: str
    """The region's code, or "admin"."""
    secret: str = field(repr=False)
    """The whole key."""


@dataclass(frozen=True, slots=True)
class NewSecret:
    """The secret of a new key, and the two values that may be stored."""

    value: str = field(repr=False)
    """The whole key. It is shown once and stored nowhere."""
    last_four: str
    """Shown to the owner, to recognize the key."""
    sha256: bytes = field(repr=False)
    """Stored in the place of the key, to look it up."""


def generate(realm: str, installation_id: str) -> NewSecret:
    """A new key for a region's code or for "admin". Raises ValueError for any other realm."""
    if realm != ADMIN and not is_region_code(realm):
        raise ValueError("not a region's code")
    body = f"sk-{realm}-1{random_base62(32)}"
    value = body + checksum(body, installation_id)
    return NewSecret(value, value[-4:], sha256(value))


def parse(text: str, installation_id: str) -> ParsedKey | None:
    """The key's realm, or None when its shape or its checksum is wrong. Hashes nothing and keeps nothing."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        return None
    realm = match.group(1)
    if realm != ADMIN and realm in RESERVED_REGION_CODES:
        return None
    if checksum(text[:-6], installation_id) != match.group(3):
        return None
    return ParsedKey(realm, text)


def checksum(body: str, installation_id: str) -> str:
    """The last six base62 digits of a key: the CRC-32 over installation and body."""
    number = zlib.crc32(f"domicile:{installation_id}:{body}".encode())
    rest, last = divmod(number, len(_PAIRS))
    first, middle = divmod(rest, len(_PAIRS))
    return _PAIRS[first] + _PAIRS[middle] + _PAIRS[last]


def sha256(secret: str) -> bytes:
    """The 32 bytes under which a key is stored and looked up."""
    return hashlib.sha256(secret.encode()).digest()


def redacted(realm: str, last_four: str) -> str:
    """A key as it is shown later: its realm and its last four characters."""
    return f"sk-{realm}-...{last_four}"
