"""The messages between a region and its inspector. This module imports no decoder, because the region imports it too.

A message is its length in four bytes, then its content. The inspector sends an empty message when it is ready. Then the region
sends each recording as a message, and the inspector answers with an `Inspection` in MessagePack.
"""

import struct
from typing import Literal

import msgspec

LENGTH = struct.Struct(">I")
CONTENT_BYTES_MAX = 32 * 1024 * 1024
"""Maximum of one recording. More than a request may contain (`web/bodies/body_limits.py`)."""
INSPECTION_BYTES_MAX = 256
MEMORY_BYTES_MAX = 256 * 1024 * 1024
"""Memory that the inspector may use beyond its use when ready. A recording of 28 MiB needs about 60 MiB."""
PROCESSOR_SECONDS_MAX = 20.0
"""CPU time per recording. The longest accepted one, 500,000 packets, takes about two seconds (2026, one core)."""
ANSWER_SECONDS_MAX = 120.0
"""Wall-clock time per recording, also on a busy machine. Region and inspector both enforce it."""
_MILLISECONDS_MAX = 2**35
"""About a year. No recording that fits into a request is that long."""


class Inspection(msgspec.Struct, frozen=True):
    """The result for one recording: its length, or why it is refused."""

    milliseconds: int = 0
    refusal: Literal["not_sound", "too_long"] | None = None


def encode(inspection: Inspection) -> bytes:
    """Encode the message, without the length in front of it."""
    return msgspec.msgpack.encode(inspection)


def decode(message: bytes) -> Inspection:
    """Decode a message. Raises ValueError for a message that `encode` cannot make: a compromised decoder may send anything."""
    inspection = msgspec.msgpack.decode(message, type=Inspection)
    if not 0 <= inspection.milliseconds < _MILLISECONDS_MAX:
        raise ValueError("milliseconds")
    return inspection
