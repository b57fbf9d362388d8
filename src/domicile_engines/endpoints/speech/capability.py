"""The parts of the speech API that the model does not support."""

from domicile.kernel import errors
from domicile.openai_api.audio_speech import SpeechRequest
from domicile_engines.endpoints.capability import check_model, refuse_members
from domicile_engines.models.kokoro.voices import KOKORO_VOICES, MODEL_ID

_NOT_SERVED = {"instructions": "This model cannot be told how to speak; choose another voice."}


def check_capability(request: SpeechRequest) -> None:
    """Raises `DomicileError` 404 for another model, 400 for `instructions` or an unknown voice."""
    refuse_members(request, _NOT_SERVED)
    check_model(request.model, MODEL_ID)
    if request.voice not in KOKORO_VOICES:
        raise errors.invalid_value(f"'voice' must be one of: {', '.join(KOKORO_VOICES)}.", "voice")
