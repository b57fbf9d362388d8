"""The messages between a region and its inspector. Imports no decoder: both sides import it, and one must not decode.

A message is its length, four bytes, then its bytes. The inspector sends an empty one when it is ready. Then each recording is a
message, answered by an `Inspection` in MessagePack.
"""

import struct
from typing import Literal

import msgspec

LENGTH = struct.Struct(">I")
CONTENT_BYTES_MAX = 32 * 1024 * 1024
"""Of one recording: above what a request may bring (`web/bodies/body_limits.py`)."""
INSPECTION_BYTES_MAX = 256
MEMORY_BYTES_MAX = 256 * 1024 * 1024
"""What the inspector may take beside what it has when it is ready. A recording of 28 MiB needs about 60 MiB."""
PROCESSOR_SECONDS_MAX = 20.0
"""For one recording. The longest that is looked through, 500,000 packets, takes about two (2026, one core)."""
ANSWER_SECONDS_MAX = 120.0
"""For one recording by the clock, whatever the machine is busy with. Region and inspector both hold to it."""
_MILLISECONDS_MAX = 2**35
"""A year. No recording that fits into a request is that long."""


class Inspection(msgspec.Struct, frozen=True):
    """What a recording is: its length, or why it is refused."""

    milliseconds: int = 0
    refusal: Literal["not_sound", "too_long"] | None = None


def encode(inspection: Inspection) -> bytes:
    """The message's bytes, without their length."""
    return msgspec.msgpack.encode(inspection)


def decode(message: bytes) -> Inspection:
    """Raises ValueError for anything else than `encode` makes: a decoder that was taken over writes what it likes."""
    inspection = msgspec.msgpack.decode(message, type=Inspection)
    if not 0 <= inspection.milliseconds < _MILLISECONDS_MAX:
        raise ValueError("milliseconds")
    return inspection
