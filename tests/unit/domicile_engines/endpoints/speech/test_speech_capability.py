"""What the speaking model refuses of a request that is right in itself."""

from typing import Any

import pytest
from tests.unit.domicile_engines.asking import read, refused

from domicile_engines.endpoints.speech.endpoint import read_speech
from domicile_engines.models.kokoro.voices import KOKORO_VOICES, MODEL_ID, STYLE_SIZE, read_voices

ASKED = {"model": MODEL_ID, "input": "Hello.", "voice": "alloy"}


async def test_every_voice_of_the_api_has_a_sound() -> None:
    names = "alloy ash ballad cedar coral echo fable marin nova onyx sage shimmer verse".split()  # noqa: SIM905
    voices = read_voices()
    assert sorted(KOKORO_VOICES) == sorted(voices) == names
    assert {voice.shape for voice in voices.values()} == {(510, STYLE_SIZE)}
    for name in names:
        assert (await read(read_speech, {**ASKED, "voice": name})).voice == name


@pytest.mark.parametrize(
    ("members", "status", "param"),
    [
        ({"voice": "walrus"}, 400, "voice"),
        ({"instructions": "cheerfully"}, 400, "instructions"),
        ({"model": "tts-1"}, 404, "model"),
    ],
)
async def test_what_the_model_cannot_do_is_refused_by_name(members: dict[str, Any], status: int, param: str) -> None:
    error = await refused(read_speech, {**ASKED, **members})
    assert (error.category.value[0], error.param) == (status, param)
