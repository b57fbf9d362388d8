"""Synthesizes a speech request, one utterance at a time. The heavy libraries are imported when the model is loaded."""

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec

from domicile.openai_api.audio_speech import SpeechRequest

if TYPE_CHECKING:
    from domicile_engines.models.kokoro.model import Kokoro


class Sound(msgspec.Struct, frozen=True):
    """A piece of encoded audio, with running totals: sounds read and frames of 25 ms made so far."""

    data: bytes
    sounds: int
    frames: int


def load(threads: int) -> "Kokoro":
    """Load the model. Blocks for about a second. Raises `WeightsError`."""
    # Imported here: its libraries take as much memory as a small model, and many engines never need them.
    from domicile_engines.models.kokoro.model import Kokoro

    return Kokoro(threads)


def spoken_by(request: SpeechRequest) -> "Callable[[Kokoro, threading.Event], Iterator[Sound]]":
    """The work of one request, for `Resident.stream`. It raises a 400 for a text that it cannot read."""

    def work(kokoro: "Kokoro", left: threading.Event) -> Iterator[Sound]:
        from domicile_engines.models.kokoro.encoding import encoder
        from domicile_engines.models.kokoro.model import SAMPLES_PER_FRAME

        encoding = encoder(request.response_format or "mp3")
        sounds = samples = 0
        for utterance in kokoro.say(request, left):
            sounds += utterance.sounds
            samples += len(utterance.samples)
            data = encoding.encode(utterance.samples)
            if data:
                yield Sound(data, sounds, samples // SAMPLES_PER_FRAME)
        yield Sound(encoding.finish(), sounds, samples // SAMPLES_PER_FRAME)

    return work
