import json
from typing import Any

import pytest

from domicile_engines.models.kokoro.request import MODEL_ID, decode
from domicile_engines.models.kokoro.voices import KOKORO_VOICES, STYLE_SIZE, read_voices
from domicile_engines.runtime.errors import Refusal


def read(**members: Any) -> Any:
    return decode(json.dumps({"model": MODEL_ID, "input": "Hello.", "voice": "alloy", **members}).encode())


def test_every_voice_of_the_api_has_a_sound() -> None:
    names = "alloy ash ballad cedar coral echo fable marin nova onyx sage shimmer verse".split()  # noqa: SIM905
    voices = read_voices()
    assert sorted(KOKORO_VOICES) == sorted(voices) == names
    assert {voice.shape for voice in voices.values()} == {(510, STYLE_SIZE)}
    assert all(read(voice=name).voice == name for name in names)


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"voice": "walrus"}, "voice"),
        ({"voice": {"id": "voice_1"}}, "voice"),
        ({"voice": 3}, "voice"),
        ({"speed": 4.5}, "speed"),
        ({"speed": 0.1}, "speed"),
        ({"input": "x" * 4097}, "input"),
        ({"input": "  \n"}, "input"),
        ({"response_format": "ogg"}, "response_format"),
        ({"stream_format": "x"}, "stream_format"),
        ({"instructions": "cheerfully"}, "instructions"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_anything_else_is_refused_by_its_name(members: dict[str, Any], param: str) -> None:
    with pytest.raises(Refusal) as caught:
        read(**members)
    assert (caught.value.status, caught.value.param) == (400, param)
