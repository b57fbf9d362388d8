"""The parts of the transcriptions and translations APIs that the model does not support."""

from domicile.kernel import errors
from domicile.openai_api.audio_transcription import TranscriptionRequest, TranslationRequest
from domicile_engines.endpoints.capability import check_model, refuse_members
from domicile_engines.models.whisper.languages import code_of

MODEL_ID = "whisper-base"

_NO_SPEAKERS = "This model does not tell speakers apart."
_NOT_SERVED = {
    "include": "This model gives no log probabilities of tokens.",
    "chunking_strategy": "This engine always cuts at pauses; this cannot be changed.",
    "known_speaker_names": _NO_SPEAKERS,
    "known_speaker_references": _NO_SPEAKERS,
    "languages": "This model takes one language; use 'language'.",
    "keywords": "This model takes a 'prompt', not single words.",
}


def check_capability(request: TranscriptionRequest | TranslationRequest) -> None:
    """Raises `DomicileError` 404 for another model, 400 for anything that it does not support."""
    check_model(request.model, MODEL_ID)
    if isinstance(request, TranslationRequest):
        return
    refuse_members(request, _NOT_SERVED)
    if request.response_format == "diarized_json":
        raise errors.unsupported_parameter("response_format", _NO_SPEAKERS)
    if request.language is not None and code_of(request.language) is None:
        reason = "'language' must be a code of ISO 639-1 that this model knows, such as 'en'."
        raise errors.invalid_value(reason, "language")
