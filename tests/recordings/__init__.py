"""Recordings for tests: real speech (see NOTICE), and sounds that are made here."""

import io
import re
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Speech:
    """A sentence that somebody read aloud."""

    content: bytes
    text: str
    seconds: float


def _read(name: str, text: str, seconds: float) -> Speech:
    return Speech((Path(__file__).parent / name).read_bytes(), text, seconds)


LEISURE = _read(
    "sense-and-sensibility-0870.flac",
    "And Mr. John Dashwood had then leisure to consider how much there might be prudently in his power to do for them.",
    7.1,
)
SELFISH = _read(
    "sense-and-sensibility-0890.flac",
    "Unless to be rather cold-hearted and rather selfish is to be ill-disposed.",
    5.3,
)


def samples_of(speech: Speech) -> Samples:
    """At 16,000 a second, as they were recorded."""
    with av.open(io.BytesIO(speech.content), "r") as file:
        frames = [frame.to_ndarray().ravel() for frame in file.decode(audio=0)]
    samples: Samples = np.concatenate(frames).astype(np.float32)
    samples /= 32768
    return samples


def silence(seconds: float, rate: int = 16_000) -> Samples:
    return np.zeros(int(seconds * rate), np.float32)


def noise(seconds: float, loudness: float, rate: int = 16_000) -> Samples:
    return np.random.default_rng(0).normal(0, loudness, int(seconds * rate)).astype(np.float32)


def tone(seconds: float, rate: int = 16_000) -> Samples:
    return (0.3 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def encoded(samples: Samples, container: str = "wav", codec: str = "pcm_s16le", rate: int = 16_000) -> bytes:
    """The samples as a file."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate)
        assert isinstance(stream, AudioStream)
        stream.layout = "mono"
        stream.codec_context.open()
        resampler = AudioResampler(stream.format, "mono", rate, frame_size=stream.frame_size or 1024)
        frame = AudioFrame.from_ndarray((samples * 32767).astype(np.int16).reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = rate
        for each in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(stream.encode(each))
        output.mux(stream.encode(None))
    return file.getvalue()


def words(text: str) -> list[str]:
    """What is compared of a text: its words, without case and signs."""
    return re.findall(r"[a-z0-9']+", text.lower())


def word_errors(said: str, heard: str) -> int:
    """Words to be put in, left out or changed to make one of the other."""
    expected, got = words(said), words(heard)
    distances = list(range(len(got) + 1))
    for row, word in enumerate(expected, 1):
        before, distances = distances, [row]
        for column, other in enumerate(got, 1):
            distances.append(min(before[column] + 1, distances[-1] + 1, before[column - 1] + (word != other)))
    return distances[-1]
