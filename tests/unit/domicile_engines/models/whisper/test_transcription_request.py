from typing import Any

import pytest

from domicile.web.bodies.multipart import write_form
from domicile_engines.models.whisper.request import FILE_BYTES_MAX, MODEL_ID, Task, TranscriptionRequest, decode
from domicile_engines.runtime.errors import Refusal


def read(task: Task = "transcribe", file: bytes | None = b"sound", **fields: Any) -> TranscriptionRequest:
    sent = {"model": MODEL_ID} | {name: value for name, value in fields.items() if value is not None}
    pairs = [(name, each) for name, value in sent.items() for each in (value if isinstance(value, list) else [value])]
    body, content_type = write_form(pairs, [] if file is None else [("file", file)])
    return decode(body, content_type, task)


def test_all_that_is_served() -> None:
    both: dict[str, Any] = {"timestamp_granularities[]": ["word", "segment"]}
    assert read() == TranscriptionRequest(b"sound", "transcribe")
    assert read(
        language="jv",
        prompt="Domicile",
        response_format="verbose_json",
        temperature="0.4",
        **both,
    ) == TranscriptionRequest(
        b"sound", "transcribe", "verbose_json", "jw", "Domicile", 0.4, frozenset({"word", "segment"})
    )
    assert read("translate", response_format="srt") == TranscriptionRequest(b"sound", "translate", "srt")
    assert read(stream="true").stream


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"file": None}, "file", "missing_required_parameter"),
        ({"language": "xx"}, "language", "invalid_value"),
        ({"language": "English"}, "language", "invalid_value"),
        ({"temperature": "nan"}, "temperature", "invalid_value"),
        ({"temperature": "1.5"}, "temperature", "invalid_value"),
        ({"temperature": "warm"}, "temperature", "invalid_value"),
        ({"response_format": "xml"}, "response_format", "invalid_value"),
        ({"response_format": "diarized_json"}, "response_format", "unsupported_parameter"),
        ({"timestamp_granularities[]": "word"}, "timestamp_granularities", "invalid_value"),
        (
            {"timestamp_granularities[]": "day", "response_format": "verbose_json"},
            "timestamp_granularities",
            "invalid_value",
        ),
        ({"stream": "true", "response_format": "srt"}, "stream", "invalid_value"),
        ({"stream": "perhaps"}, "stream", "invalid_value"),
        ({"prompt": ["a", "b"]}, "prompt", "invalid_value"),
        ({"include[]": "logprobs"}, "include", "unsupported_parameter"),
        ({"chunking_strategy": "auto"}, "chunking_strategy", "unsupported_parameter"),
        ({"known_speaker_names[]": "Jane"}, "known_speaker_names", "unsupported_parameter"),
        ({"colour": "blue"}, "colour", "unsupported_parameter"),
        ({"task": "translate", "language": "de"}, "language", "unsupported_parameter"),
    ],
)
def test_anything_else_is_refused_by_its_name(fields: dict[str, Any], param: str, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        read(**fields)
    assert (caught.value.status, caught.value.param, caught.value.code) == (400, param, code)


def test_another_model_and_too_large_a_file() -> None:
    with pytest.raises(Refusal) as caught:
        read(model="whisper-1")
    assert (caught.value.status, caught.value.param) == (404, "model")
    with pytest.raises(Refusal) as caught:
        read(file=bytes(FILE_BYTES_MAX + 1))
    assert (caught.value.status, caught.value.param) == (413, "file")
