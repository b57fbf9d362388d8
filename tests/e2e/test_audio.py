"""Speech and recordings by real models in both regions, through the official SDK (contract C22, C29)."""

import base64

import pytest
from openai import BadRequestError

from tests.e2e.conftest import RunningUp
from tests.platform.installation import IssuedKey
from tests.recordings import SELFISH, encoded, samples_of, silence, word_errors, words

pytestmark = [pytest.mark.contract("C22"), pytest.mark.timeout(300)]

BOTH = pytest.mark.parametrize("code", ["us", "eu"])
TEXT = "The meeting is on Thursday at noon. Bring the blue folder."


@pytest.fixture
def keys(us_key: IssuedKey, eu_key: IssuedKey) -> dict[str, str]:
    return {"us": us_key.secret, "eu": eu_key.secret}


@BOTH
def test_what_is_spoken_is_heard_again(up: RunningUp, keys: dict[str, str], code: str) -> None:
    client = up.client(code, keys[code])
    with client.audio.speech.with_streaming_response.create(
        model="tts-1", input=TEXT, voice="nova", response_format="opus", speed=0.9
    ) as answer:
        assert (answer.headers["content-type"], answer.headers["domicile-engine"]) == ("audio/ogg", "kokoro-82m")
        spoken = answer.read()
    heard = client.audio.transcriptions.create(
        model="whisper-1",
        file=("spoken.ogg", spoken),
        language="en",
        response_format="verbose_json",
        timestamp_granularities=["word"],
    )
    assert word_errors(TEXT, heard.text) <= 2
    assert heard.words is not None
    assert {"thursday", "folder"} <= {word for each in heard.words for word in words(each.word)}


def test_real_speech_in_every_form_and_silence(up: RunningUp, keys: dict[str, str]) -> None:
    client = up.client("eu", keys["eu"])
    for model, create in (
        ("whisper-1", client.audio.transcriptions.create),
        ("whisper-base", client.audio.translations.create),
    ):
        subtitles = str(create(model=model, file=("a.flac", SELFISH.content), response_format="srt"))
        assert subtitles.startswith("1\n00:00:00,000 --> 00:00:0")
        assert "cold-hearted" in subtitles
    events = list(client.audio.transcriptions.create(model="whisper-1", file=("a.flac", SELFISH.content), stream=True))
    assert events[-1].type == "transcript.text.done"
    assert word_errors(SELFISH.text, events[-1].text) <= 1
    quiet = client.audio.transcriptions.create(model="whisper-1", file=("quiet.wav", encoded(silence(3))))
    assert quiet.text == ""


@BOTH
@pytest.mark.contract("C29")
def test_a_spoken_question_reaches_a_model_without_ears(up: RunningUp, keys: dict[str, str], code: str) -> None:
    data = base64.b64encode(encoded(samples_of(SELFISH))).decode()
    answer = up.client(code, keys[code]).chat.completions.with_raw_response.create(
        model="gpt-4o-mini",
        messages=[
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}]}
        ],
        max_completion_tokens=8,
    )
    assert answer.headers["domicile-engine"] == "smollm2-135m-instruct, whisper-base"
    usage = answer.parse().usage
    # The sentence has a dozen words, and without them the prompt would be its frame alone.
    assert usage is not None and usage.prompt_tokens > 25


@pytest.mark.parametrize(
    ("members", "code", "param"),
    [
        ({"voice": "walrus"}, "invalid_value", "voice"),
        ({"input": "Привет"}, "invalid_value", "input"),
        ({"instructions": "cheerfully"}, "unsupported_parameter", "instructions"),
    ],
)
def test_what_cannot_be_said_is_refused_by_its_member(
    up: RunningUp, keys: dict[str, str], members: dict[str, str], code: str, param: str
) -> None:
    with pytest.raises(BadRequestError) as caught:
        up.client("eu", keys["eu"]).audio.speech.create(
            **{"model": "tts-1", "input": "Hello.", "voice": "alloy", **members}  # type: ignore[arg-type]  # wrong on purpose
        )
    assert (caught.value.code, caught.value.param) == (code, param)
