import threading

import numpy as np
import pytest
from tests.recordings import LEISURE, encoded, silence, tone

from domicile.kernel.errors import DomicileError
from domicile_engines.models.whisper import decoding
from domicile_engines.models.whisper.decoding import SAMPLES_PER_SECOND, decode

HERE = threading.Event()


def refusal(content: bytes) -> DomicileError:
    with pytest.raises(DomicileError) as caught:
        decode(content, HERE)
    assert (caught.value.category.value[0], caught.value.code, caught.value.param) == (400, "invalid_file", "file")
    return caught.value


def test_samples_are_those_of_the_recording() -> None:
    sound = tone(2)
    decoded = decode(encoded(sound), HERE)
    assert decoded.dtype == np.float32
    assert np.abs(decoded[: len(sound)] - sound).max() < 0.001


@pytest.mark.parametrize(("container", "codec"), [("mp3", "libmp3lame"), ("webm", "libopus"), ("mp4", "aac")])
def test_every_rate_becomes_the_model_s(container: str, codec: str) -> None:
    decoded = decode(encoded(tone(2, 48_000), container, codec, 48_000), HERE)
    assert len(decoded) / SAMPLES_PER_SECOND == pytest.approx(2, abs=0.06)


def test_nothing_text_and_damage_are_refused() -> None:
    refusal(b"")
    refusal(b"What shall I say? " * 100)
    whole = encoded(tone(4))
    refusal(whole[: len(whole) // 2])
    refusal(LEISURE.content[: len(LEISURE.content) // 2])
    refusal(LEISURE.content[len(LEISURE.content) // 2 :])


def test_a_stream_s_wav_states_no_length_and_is_whole() -> None:
    content = bytearray(encoded(tone(2)))
    content[4:8] = b"\xff\xff\xff\xff"
    place = content.index(b"data") + 4
    content[place : place + 4] = b"\xff\xff\xff\xff"
    assert len(decode(bytes(content), HERE)) == 2 * SAMPLES_PER_SECOND


def test_a_small_file_of_many_hours_is_refused_before_it_is_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "SECONDS_MAX", 60)
    content = encoded(silence(90), "flac", "flac")
    assert len(content) < 30_000
    assert "60 seconds" in refusal(content).message


def test_decoding_ends_when_the_client_has_left() -> None:
    left = threading.Event()
    left.set()
    with pytest.raises(DomicileError):
        decode(LEISURE.content, left)
