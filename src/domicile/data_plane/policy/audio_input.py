"""A recording that a caller sends inside a message: it must be what it claims. Only its first bytes are looked at here."""

import re

from domicile.kernel import errors
from domicile.kernel.base64_text import decode_base64
from domicile.openai_api.chat_messages import InputAudio

PARTS_MAX = 32
"""Recordings in one chat. Each may become a call of an engine of its own."""
BYTES_MAX = 25 * 1024 * 1024
"""Of all recordings of a chat together: as much as one transcription may have."""

_WAV = re.compile(rb"(?:RIFF|RF64)....WAVE", re.DOTALL)
# A tag before it, or the head of an MPEG audio frame of layer III.
_MP3 = re.compile(rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]", re.DOTALL)


class RecordingBudget:
    """What the recordings of one chat may come to, before any of them costs anything."""

    def __init__(self) -> None:
        self._parts = 0
        self._bytes = 0

    def spend(self, content: bytes, param: str) -> None:
        """Count one. Raises 400 naming `param` for the first that is too many or too much."""
        self._parts += 1
        self._bytes += len(content)
        if self._parts > PARTS_MAX:
            raise errors.invalid_value(
                f"A request may have at most {PARTS_MAX} recordings. Send one recording for several, or several requests.",
                param,
            )
        if self._bytes > BYTES_MAX:
            raise errors.invalid_value(
                f"The recordings of a request may have at most {BYTES_MAX >> 20} MiB together. Send them as MP3, or in several"
                " requests.",
                param,
            )


def sound_in(audio: InputAudio, param: str) -> bytes:
    """The recording's bytes. Raises 400 `invalid_file` naming `param` unless it is what it claims (design 7)."""
    try:
        content = decode_base64(audio.data)
    except ValueError:  # binascii's own, and that of a letter outside ASCII
        raise errors.invalid_file(param, "It is not base64.") from None
    known = _WAV if audio.format == "wav" else _MP3
    if known.match(content) is None:
        raise errors.invalid_file(param, f"It is not a recording in the format '{audio.format}'.")
    return content
