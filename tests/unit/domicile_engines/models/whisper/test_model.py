"""Silence costs one look for speech: the model itself is not asked."""

import threading

import pytest
from tests.recordings import LEISURE, encoded, noise, silence, tone

from domicile.openai_api.audio_transcription import TranscriptionRequest, TranslationRequest
from domicile_engines.models.whisper.model import Whisper


class ModelAskedError(Exception):
    """The model computed something."""


@pytest.fixture(scope="module")
def whisper() -> Whisper:
    loaded = Whisper(threads=1)

    def encode(_features: object) -> None:
        raise ModelAskedError

    # Detecting a language and writing both begin with it.
    loaded._model.encode = encode
    return loaded


@pytest.mark.parametrize("language", [None, "en", "translate"])
@pytest.mark.parametrize(
    "sound", [silence(0.5), silence(40), noise(3, 0.1), tone(3)], ids=["short", "long", "noise", "tone"]
)
def test_without_speech_the_model_is_not_asked(whisper: Whisper, sound: object, language: str | None) -> None:
    file = encoded(sound)  # type: ignore[arg-type]  # an array
    request: TranscriptionRequest | TranslationRequest = TranslationRequest(model="m", file=file)
    if language != "translate":
        request = TranscriptionRequest(model="m", file=file, language=language)
    transcript = whisper.transcribe(request, threading.Event())
    assert list(transcript.segments) == []
    assert transcript.language == (None if language == "translate" else language)


def test_speech_is_heard(whisper: Whisper) -> None:
    with pytest.raises(ModelAskedError):
        whisper.transcribe(TranscriptionRequest(model="m", file=LEISURE.content), threading.Event())
