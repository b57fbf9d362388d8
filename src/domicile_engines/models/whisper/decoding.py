"""Decodes a recording to the model's format: one channel, 16,000 samples a second."""

import threading
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from domicile.kernel import errors
from domicile.kernel.errors import DomicileError
from domicile.media.sound import NotSoundError, Recording, opened
from domicile_engines.models.whisper.transcript import SECONDS_MAX

SAMPLES_PER_SECOND = 16_000
# Only these containers state their duration; FFmpeg estimates it for the others.
_CONTAINERS_THAT_KNOW = frozenset({"aiff", "caf", "flac", "matroska", "mov", "wav"})
_WHOLE_SHARE = 0.9
_SLACK_SECONDS = 0.5
_WAV_STREAM_BYTES_MIN = 0x7FFF_0000

Samples = npt.NDArray[np.float32]


def decode(content: bytes, left: threading.Event) -> Samples:
    """Decode to samples from -1 to 1, shape (n,). Stops early when `left` is set. Raises a 400 that names `file`."""
    try:
        if _wav_is_cut_short(content):
            raise NotSoundError
        with opened(content) as recording:
            return _decoded(recording, left)
    except NotSoundError:
        raise not_a_recording("It is not a readable recording, or it is damaged.") from None


def not_a_recording(reason: str) -> DomicileError:
    """A 400 that names `file`. `reason`: what is wrong with the recording."""
    return errors.invalid_file("file", reason)


def _wav_is_cut_short(content: bytes) -> bool:
    """Whether a WAV file is shorter than its header says. FFmpeg accepts such files.

    A streamed WAV file has a huge length in its header and counts as complete.
    """
    claimed = int.from_bytes(content[4:8], "little")
    return content[:4] == b"RIFF" and len(content) < claimed * _WHOLE_SHARE and claimed < _WAV_STREAM_BYTES_MIN


def _decoded(recording: Recording, left: threading.Event) -> Samples:
    resampler = AudioResampler(format="s16", layout="mono", rate=SAMPLES_PER_SECOND)
    samples = bytearray()
    for frame in _frames(recording, left):
        for converted in resampler.resample(frame):
            samples += converted.to_ndarray().tobytes()
    if not samples or _is_cut_short(recording, len(samples) // 2 / SAMPLES_PER_SECOND):
        raise NotSoundError
    return np.frombuffer(samples, np.int16).astype(np.float32) / 32768.0


def _frames(recording: Recording, left: threading.Event) -> Iterator[AudioFrame | None]:
    """Yield the stream's frames, then None, which flushes the resampler."""
    seconds = 0.0
    for frame in recording.container.decode(recording.stream):
        # Checked before resampling: a frame with a very low claimed sample rate would grow in proportion.
        seconds += frame.samples / frame.sample_rate
        if seconds > SECONDS_MAX:
            raise not_a_recording(f"It is longer than {SECONDS_MAX} seconds. Send it in parts.")
        if left.is_set():
            return
        # Without timestamps the resampler does not fill gaps with silence.
        frame.pts = None
        yield frame
    yield None


def _is_cut_short(recording: Recording, seconds: float) -> bool:
    names = recording.container.format.name.split(",")
    duration, base = recording.stream.duration, recording.stream.time_base
    if duration is None or base is None or _CONTAINERS_THAT_KNOW.isdisjoint(names):
        return False
    return seconds < float(duration * base) * _WHOLE_SHARE - _SLACK_SECONDS
