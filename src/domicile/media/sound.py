"""Opens untrusted recordings with FFmpeg, restricted to listed containers and codecs and to the given bytes.

FFmpeg also reads playlists and references that make it open files and network addresses. So it gets a list of allowed
containers and codecs, no protocols, and never a file name.
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

# FFmpeg's messages quote the file's metadata.
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
# Before version 19, PyAV fails on metadata that is not UTF-8 unless this option is set. From 19 on the option does not exist.
_TAGS: dict[str, Any] = {"metadata_errors": "ignore"} if int(av.__version__.partition(".")[0]) < 19 else {}
# No microphone records outside this range, and with a lower rate a small file could claim a day of audio.
_RATES = range(2_000, 768_001)
_CHANNELS_MAX = 16
PACKETS_MAX = 500_000
"""Maximum per recording: almost three hours of packets of 20 ms. Counting many more takes minutes of CPU time."""


class NotSoundError(Exception):
    """The bytes are not a readable recording, or the recording is truncated."""


class TooLongError(NotSoundError):
    """The recording has more than `PACKETS_MAX` packets."""


@dataclass(frozen=True, slots=True)
class Recording:
    """An opened file and its first audio stream."""

    container: InputContainer
    stream: AudioStream


@contextmanager
def opened(content: bytes) -> Iterator[Recording]:
    """Open the file's first audio stream, without decoding it.

    Raises `NotSoundError`, also in place of FFmpeg's errors inside the context.
    """
    try:
        with av.open(io.BytesIO(content), "r", container_options=_OPTIONS, **_TAGS) as container:
            if not container.streams.audio:
                raise NotSoundError
            stream = container.streams.audio[0]
            if stream.rate not in _RATES or not 1 <= stream.channels <= _CHANNELS_MAX:
                raise NotSoundError
            # FFmpeg applies its codec list when it probes streams, but not when it decodes them.
            if stream.codec_context.name not in _CODECS:
                raise NotSoundError
            yield Recording(container, stream)
    # PyAV raises LookupError for a missing decoder, and FFmpegError for any fault of the file.
    except (av.error.FFmpegError, LookupError, UnicodeDecodeError, ValueError):
        raise NotSoundError from None


def seconds_of(content: bytes) -> float:
    """The recording's length in seconds: the sum of its packets' durations, without decoding.

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
