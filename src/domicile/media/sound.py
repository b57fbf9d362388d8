"""Recordings from outside: which containers are opened, by their content, and never anything beyond their bytes.

FFmpeg also reads playlists and references that would make it open files and addresses by itself. So it is told which
containers and codecs there are, and that there is no protocol to open anything with; it is never given a name.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import av
import av.error
import av.logging
from av.audio.stream import AudioStream
from av.container import InputContainer

# FFmpeg's messages quote a file's own tags.
av.logging.set_level(None)

_CONTAINERS = ("aac", "aiff", "amr", "asf", "au", "avi", "caf", "flac", "flv", "gsm", "matroska", "mov", "mp3", "mpeg")
_MORE_CONTAINERS = ("mpegts", "ogg", "w64", "wav", "webm", "wv", "tta", "ape", "ac3", "eac3", "dts")
_CODECS = (
    *(
        "aac",
        "aac_latm",
        "ac3",
        "eac3",
        "alac",
        "amrnb",
        "amrwb",
        "ape",
        "dca",
        "flac",
        "gsm",
        "gsm_ms",
        "mp1",
        "mp1float",
    ),
    *("mp2", "mp2float", "mp3", "mp3float", "opus", "libopus", "speex", "tta", "vorbis", "wavpack", "wmav1", "wmav2"),
    *("adpcm_ima_qt", "adpcm_ima_wav", "adpcm_ms", "g722", "g726", "pcm_alaw", "pcm_mulaw", "pcm_u8", "pcm_s8"),
    *("pcm_s16be", "pcm_s16le", "pcm_s24be", "pcm_s24le", "pcm_s32be", "pcm_s32le", "pcm_f32be", "pcm_f32le"),
    *("pcm_f64be", "pcm_f64le"),
)
_OPTIONS = {
    "format_whitelist": ",".join((*_CONTAINERS, *_MORE_CONTAINERS)),
    "codec_whitelist": ",".join(_CODECS),
    "protocol_whitelist": "none",
}
# Up to its version 18 PyAV fails on tags in another encoding than UTF-8, unless it is told not to; later it cannot be told.
_TAGS: dict[str, Any] = {"metadata_errors": "ignore"} if int(av.__version__.partition(".")[0]) < 19 else {}
# Outside of these no microphone works, and a small file could claim a day of sound.
_RATES = range(2_000, 768_001)
_CHANNELS_MAX = 16
PACKETS_MAX = 500_000
"""Of one recording: three hours of packets of 20 ms. Counting more would take a processor for minutes."""


class NotSoundError(Exception):
    """The bytes are no recording that can be read, or less of one than they claim to be."""


class TooLongError(NotSoundError):
    """More of a recording than is looked through."""


@dataclass(frozen=True, slots=True)
class Recording:
    """An opened file and its first audio stream."""

    container: InputContainer
    stream: AudioStream


@contextmanager
def opened(content: bytes) -> Iterator[Recording]:
    """The file's first audio stream, not yet decoded. Raises `NotSoundError`, also for what fails while it is read."""
    try:
        with av.open(io.BytesIO(content), "r", container_options=_OPTIONS, **_TAGS) as container:
            if not container.streams.audio:
                raise NotSoundError
            stream = container.streams.audio[0]
            if stream.rate not in _RATES or not 1 <= stream.channels <= _CHANNELS_MAX:
                raise NotSoundError
            # FFmpeg holds to its list where it looks for streams, but not where they are decoded.
            if stream.codec_context.name not in _CODECS:
                raise NotSoundError
            yield Recording(container, stream)
    # The libraries below name a missing decoder a LookupError, and everything that is wrong with a file an FFmpegError.
    except (av.error.FFmpegError, LookupError, UnicodeDecodeError, ValueError):
        raise NotSoundError from None


def seconds_of(content: bytes) -> float:
    """How long a recording is, in seconds, by its packets: nothing is decoded.

    Raises `NotSoundError`, and `TooLongError` for more than `PACKETS_MAX` packets.
    """
    with opened(content) as recording:
        base = recording.stream.time_base
        ticks = 0
        for number, packet in enumerate(recording.container.demux(recording.stream)):
            if number > PACKETS_MAX:
                raise TooLongError
            ticks += packet.duration or 0
        if base is None or ticks <= 0:
            raise NotSoundError
        return float(ticks * base)
