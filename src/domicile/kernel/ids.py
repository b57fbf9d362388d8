"""Identifiers: their patterns, and new random ones.

The boundary checks these patterns on every id that crosses, so that no free text can pass as an id.
"""

import os
import re
from typing import Annotated

from msgspec import Meta

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

_TIME_LENGTH = 8
_FAIR = 256 - 256 % len(BASE62)
_DIGITS = bytes(ord(BASE62[byte % len(BASE62)]) for byte in range(256))
_SURPLUS = bytes(range(_FAIR, 256))

# Words that our keys or OpenAI's keys have in the place of a region's code (design 2).
RESERVED_REGION_CODES = frozenset({"admin", "proj", "svcacct", "none", "sess", "org"})

REGION_CODE_PATTERN = r"^[a-z][a-z0-9]{1,7}\Z"

RegionCode = Annotated[str, Meta(pattern=REGION_CODE_PATTERN)]
InstallationId = Annotated[str, Meta(pattern=r"^inst_[0-9A-Za-z]{24}\Z")]
OrganizationId = Annotated[str, Meta(pattern=r"^org-[0-9A-Za-z]{24}\Z")]
ProjectId = Annotated[str, Meta(pattern=r"^proj_[0-9A-Za-z]{24}\Z")]
KeyId = Annotated[str, Meta(pattern=r"^key_[0-9A-Za-z]{24}\Z")]
ReplicaId = Annotated[str, Meta(pattern=r"^rep_[0-9A-Za-z]{24}\Z")]
WriterId = Annotated[str, Meta(pattern=r"^wr_[0-9A-Za-z]{24}\Z")]
EventId = Annotated[str, Meta(pattern=r"^audit_log-[0-9A-Za-z]{24}\Z")]
ExternalKeyId = Annotated[str, Meta(pattern=r"^extkey_[0-9A-Za-z]{24}\Z")]
ExternalStorageId = Annotated[str, Meta(pattern=r"^extstore_[0-9A-Za-z]{24}\Z")]
OutsideServiceId = Annotated[str, Meta(pattern=r"^ext(?:key|store)_[0-9A-Za-z]{24}\Z")]
EntitlementId = Annotated[str, Meta(pattern=r"^ent_[0-9A-Za-z]{24}\Z")]
FineTunedModelId = Annotated[str, Meta(pattern=r"^ftm_[0-9A-Za-z]{24}\Z")]
PublicKeyId = Annotated[str, Meta(pattern=r"^pk_[0-9a-f]{16}\Z")]


def random_base62(length: int) -> str:
    """`length` base62 characters from the operating system's secure random source."""
    text = b""
    while len(text) < length:
        # An eighth more than is missing: one byte in 32 is dropped, so that all characters stay equally likely.
        missing = length - len(text)
        text += os.urandom(missing + missing // 8 + 1).translate(_DIGITS, _SURPLUS)
    return text[:length].decode()


def new_id(prefix: str) -> str:
    """A new identifier: the prefix with its separator (`proj_`, `org-`), then 24 random characters (142 bits)."""
    return prefix + random_base62(24)


def is_id(prefix: str, text: str) -> bool:
    """Whether `text` may be an identifier of this prefix."""
    return re.fullmatch(re.escape(prefix) + "[0-9A-Za-z]{24}", text) is not None


def new_ordered_id(prefix: str, now_ms: int) -> str:
    """A new identifier that says when it was made: the prefix, 8 characters of the time, 16 random ones (95 bits).

    A list in order of creation can so go on after an object that has been deleted meanwhile.
    """
    time = ""
    for _ in range(_TIME_LENGTH):
        now_ms, digit = divmod(now_ms, len(BASE62))
        time = BASE62[digit] + time
    return prefix + time + random_base62(24 - _TIME_LENGTH)


def made_at_ms(prefix: str, identifier: str) -> int | None:
    """The time that an ordered identifier of this prefix says, or None for any other text."""
    if not is_id(prefix, identifier):
        return None
    now_ms = 0
    for character in identifier[len(prefix) : len(prefix) + _TIME_LENGTH]:
        now_ms = now_ms * len(BASE62) + BASE62.index(character)
    return now_ms


def is_region_code(text: str) -> bool:
    """Whether `text` may name a region: two to eight lower-case letters and digits, not a reserved word (design 2)."""
    return (
        2 <= len(text) <= 8
        and text.isascii()
        and text.isalnum()
        and text == text.lower()
        and text[0].isalpha()
        and text not in RESERVED_REGION_CODES
    )
