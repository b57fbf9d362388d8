import threading

import numpy as np
import pytest
from tests.recordings import tone

from domicile.media.sound import opened
from domicile.openai_api.audio_speech import Format
from domicile_engines.models.kokoro.encoding import encoder
from domicile_engines.models.whisper.decoding import SAMPLES_PER_SECOND as HEARD_RATE
from domicile_engines.models.whisper.decoding import decode

RATE = 24_000
CONTAINERS = {"mp3": "mp3", "opus": "ogg", "aac": "aac", "flac": "flac", "wav": "wav"}


@pytest.mark.parametrize("name", CONTAINERS)
def test_pieces_make_one_file_that_is_sent_as_it_is_made(name: Format) -> None:
    encoding = encoder(name)
    pieces = [encoding.encode(each) for each in np.split(tone(4, RATE), 4)]
    assert all(pieces), "a piece of a second waits for the next"
    content = b"".join(pieces) + encoding.finish()
    with opened(content) as recording:
        assert recording.container.format.name == CONTAINERS[name]
    heard = decode(content, threading.Event())
    assert len(heard) / HEARD_RATE == pytest.approx(4, abs=0.1)
    # The tone is still there, at its loudness.
    assert np.sqrt(np.mean(heard**2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.1)


def test_pcm_is_16_bits_little_endian() -> None:
    encoding = encoder("pcm")
    assert encoding.encode(np.array([0, 1, -1], np.float32)) == b"\x00\x00\xff\x7f\x01\x80"
    assert encoding.finish() == b""
