"""Encodes samples as a stream: each utterance can be sent as soon as it is synthesized."""

import io
import struct
from typing import Protocol

import av
import av.logging
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream

from domicile.openai_api.audio_speech import Format
from domicile_engines.models.kokoro.model import SAMPLES_PER_SECOND, Samples

av.logging.set_level(None)

# Container, codec and bits per second; None where the codec has no bit rate to choose.
_COMPRESSED: dict[Format, tuple[str, str, int | None]] = {
    "mp3": ("mp3", "libmp3lame", 64_000),
    "opus": ("ogg", "libopus", 32_000),
    "aac": ("adts", "aac", 64_000),
    "flac": ("flac", "flac", None),
}
# The WAV convention for a stream of unknown length.
_UNKNOWN_LENGTH = 0xFFFF_FFFF
_FRAME_SAMPLES = 1024


class Encoder(Protocol):
    """Encodes the audio of one reply."""

    def encode(self, samples: Samples) -> bytes:
        """Encode samples. Returns the bytes that are ready to send; may be empty."""
        ...

    def finish(self) -> bytes:
        """End the stream. Returns the remaining bytes."""
        ...


def encoder(name: Format) -> Encoder:
    """Return a new encoder for one reply. `name`: the request's `response_format`."""
    if name in _COMPRESSED:
        return _Compressed(*_COMPRESSED[name])
    return _Plain(_wav_head() if name == "wav" else b"")


class _Plain:
    """Uncompressed samples: 16 bits, little-endian, one channel, after an optional file header."""

    def __init__(self, head: bytes) -> None:
        self._head = head

    def encode(self, samples: Samples) -> bytes:
        head, self._head = self._head, b""
        return head + _as_integers(samples).astype("<i2").tobytes()

    def finish(self) -> bytes:
        head, self._head = self._head, b""
        return head


class _Pipe(io.RawIOBase):
    """The output of FFmpeg. It is not seekable, so FFmpeg writes formats that can be streamed."""

    def __init__(self) -> None:
        super().__init__()
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]
        self._written += data
        return len(data)

    def take(self) -> bytes:
        """Remove and return the bytes written since the last call."""
        taken = bytes(self._written)
        self._written.clear()
        return taken


class _Compressed:
    """An FFmpeg encoder and its container."""

    def __init__(self, container: str, codec: str, bits_per_second: int | None) -> None:
        self._pipe = _Pipe()
        self._container = av.open(self._pipe, "w", format=container, container_options={"flush_packets": "1"})
        stream = self._container.add_stream(codec, rate=SAMPLES_PER_SECOND)
        if not isinstance(stream, AudioStream):
            raise TypeError(codec)
        stream.layout = "mono"
        if bits_per_second is not None:
            stream.bit_rate = bits_per_second
        stream.codec_context.open()
        self._stream = stream
        self._resampler = AudioResampler(
            format=stream.format, layout="mono", rate=SAMPLES_PER_SECOND, frame_size=stream.frame_size or _FRAME_SAMPLES
        )

    def encode(self, samples: Samples) -> bytes:
        frame = AudioFrame.from_ndarray(_as_integers(samples).reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = SAMPLES_PER_SECOND
        self._mux(frame)
        return self._pipe.take()

    def finish(self) -> bytes:
        self._mux(None)
        for packet in self._stream.encode(None):
            self._container.mux(packet)
        self._container.close()
        return self._pipe.take()

    def _mux(self, frame: AudioFrame | None) -> None:
        for resampled in self._resampler.resample(frame):
            for packet in self._stream.encode(resampled):
                self._container.mux(packet)


def _as_integers(samples: Samples) -> "np.ndarray[tuple[int, ...], np.dtype[np.int16]]":
    return np.round(samples * 32767.0).astype(np.int16)


def _wav_head() -> bytes:
    bytes_per_sample = 2
    form = struct.pack(
        "<4sIHHIIHH", b"fmt ", 16, 1, 1, SAMPLES_PER_SECOND, SAMPLES_PER_SECOND * bytes_per_sample, bytes_per_sample, 16
    )
    riff = struct.pack("<4sI4s", b"RIFF", _UNKNOWN_LENGTH, b"WAVE")
    return riff + form + struct.pack("<4sI", b"data", _UNKNOWN_LENGTH)
