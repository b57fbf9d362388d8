"""What the listening model refuses of a form that is right in itself."""

from typing import Any

import pytest
from tests.unit.domicile_engines.asking import read, refused

from domicile.openai_api.audio_transcription import MAX_FILE_BYTES, TranscriptionRequest, TranslationRequest
from domicile.web.bodies.multipart import write_form
from domicile_engines.endpoints.transcriptions.capability import MODEL_ID
from domicile_engines.endpoints.transcriptions.endpoint import form_reader

TRANSCRIBE = form_reader(TranscriptionRequest, "/v1/audio/transcriptions")
TRANSLATE = form_reader(TranslationRequest, "/v1/audio/translations")


def form(file: bytes = b"sound", **fields: Any) -> tuple[bytes, str]:
    sent = {"model": MODEL_ID, **fields}
    pairs = [(name, each) for name, value in sent.items() for each in (value if isinstance(value, list) else [value])]
    return write_form(pairs, [("file", file)])


async def test_all_that_is_served() -> None:
    both: dict[str, Any] = {"timestamp_granularities[]": ["word", "segment"]}
    fields = {"language": "jv", "prompt": "Domicile", "response_format": "verbose_json", "temperature": "0.4", **both}
    request = await read(TRANSCRIBE, *form(**fields))
    assert (request.file, request.language, request.temperature) == (b"sound", "jv", 0.4)
    assert request.timestamp_granularities == ["word", "segment"]
    assert (await read(TRANSLATE, *form(response_format="srt"))).answer_format == "srt"
    assert (await read(TRANSCRIBE, *form(stream="true"))).streams


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"language": "xx"}, "language", "invalid_value"),
        ({"response_format": "diarized_json"}, "response_format", "unsupported_parameter"),
        ({"include[]": "logprobs"}, "include", "unsupported_parameter"),
        ({"chunking_strategy": "auto"}, "chunking_strategy", "unsupported_parameter"),
        ({"known_speaker_names[]": "Jane"}, "known_speaker_names", "unsupported_parameter"),
        ({"model": "whisper-1"}, "model", "model_not_found"),
    ],
)
async def test_what_the_model_cannot_do_is_refused_by_name(fields: dict[str, Any], param: str, code: str) -> None:
    error = await refused(TRANSCRIBE, *form(**fields))
    assert (error.param, error.code) == (param, code)


async def test_a_file_that_is_too_large_is_named() -> None:
    error = await refused(TRANSLATE, *form(bytes(MAX_FILE_BYTES + 1)))
    assert (error.category.value[0], error.param) == (413, "file")
