"""Checks a recording inside a message: its first bytes must be those of the claimed format."""

import re

from domicile.kernel import errors
from domicile.kernel.base64_text import decode_base64
from domicile.openai_api.chat_messages import InputAudio

PARTS_MAX = 32
"""Recordings in one chat. Each may need an engine call of its own, for its transcription."""
BYTES_MAX = 25 * 1024 * 1024
"""Bytes of all recordings of one chat together: the limit of one transcription."""

_WAV = re.compile(rb"(?:RIFF|RF64)....WAVE", re.DOTALL)
# An ID3 tag, or the header of an MPEG audio frame of layer III.
_MP3 = re.compile(rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]", re.DOTALL)


class RecordingBudget:
    """Limits number and total size of one chat's recordings."""

    def __init__(self) -> None:
        self._parts = 0
        self._bytes = 0

    def spend(self, content: bytes, param: str) -> None:
        """Count one recording. Raises 400 naming `param` when it exceeds `PARTS_MAX` or `BYTES_MAX`."""
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


def decode_recording(audio: InputAudio, param: str) -> bytes:
    """The recording's bytes. Raises 400 `invalid_file` naming `param` unless they start like the claimed format (design 7)."""
    try:
        content = decode_base64(audio.data)
    except ValueError:  # binascii.Error, or a letter outside ASCII
        raise errors.invalid_file(param, "It is not base64.") from None
    known = _WAV if audio.format == "wav" else _MP3
    if known.match(content) is None:
        raise errors.invalid_file(param, f"It is not a recording in the format '{audio.format}'.")
    return content
