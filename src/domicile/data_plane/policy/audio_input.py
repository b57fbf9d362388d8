"""A recording that a caller sends inside a message: it must be what it claims. Only its first bytes are looked at here."""

import binascii
import re

from domicile.kernel import errors
from domicile.openai_api.chat_messages import InputAudio

_WAV = re.compile(rb"(?:RIFF|RF64)....WAVE", re.DOTALL)
# A tag before it, or the head of an MPEG audio frame of layer III.
_MP3 = re.compile(rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]", re.DOTALL)


def sound_in(audio: InputAudio, param: str) -> bytes:
    """The recording's bytes. Raises 400 `invalid_file` naming `param` unless it is what it claims (design 7)."""
    try:
        content = binascii.a2b_base64(audio.data, strict_mode=True)
    except ValueError:  # binascii's own, and that of a letter outside ASCII
        raise errors.invalid_file(param, "It is not base64.") from None
    known = _WAV if audio.format == "wav" else _MP3
    if known.match(content) is None:
        raise errors.invalid_file(param, f"It is not a recording in the format '{audio.format}'.")
    return content
