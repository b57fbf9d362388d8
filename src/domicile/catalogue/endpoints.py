"""The endpoints of the contract's table (C20 to C26), by their paths."""

from enum import StrEnum


class Endpoint(StrEnum):
    """An endpoint that a region may serve. The value is its path."""

    CHAT_COMPLETIONS = "/v1/chat/completions"
    COMPLETIONS = "/v1/completions"
    EMBEDDINGS = "/v1/embeddings"
    MODERATIONS = "/v1/moderations"
    AUDIO_TRANSCRIPTIONS = "/v1/audio/transcriptions"
    AUDIO_TRANSLATIONS = "/v1/audio/translations"
    AUDIO_SPEECH = "/v1/audio/speech"
    IMAGES_GENERATIONS = "/v1/images/generations"
    BATCHES = "/v1/batches"
    FILES = "/v1/files"
    FINE_TUNING_JOBS = "/v1/fine_tuning/jobs"

    @property
    def input_member(self) -> str:
        """The member of a request with the model's input. Without meaning for an endpoint that runs no model."""
        return _INPUT.get(self, "input")

    @property
    def is_zdr_applicable(self) -> bool:
        """Whether Zero Data Retention applies. The other endpoints store content by nature, in the region (design 5, C06)."""
        return self not in {Endpoint.BATCHES, Endpoint.FILES, Endpoint.FINE_TUNING_JOBS}


_INPUT = {
    Endpoint.CHAT_COMPLETIONS: "messages",
    Endpoint.COMPLETIONS: "prompt",
    Endpoint.IMAGES_GENERATIONS: "prompt",
    Endpoint.AUDIO_TRANSCRIPTIONS: "file",
    Endpoint.AUDIO_TRANSLATIONS: "file",
}
