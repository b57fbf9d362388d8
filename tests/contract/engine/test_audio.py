"""The real models: what is said is written down, what is written is said, and in silence nothing is."""

import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import openai
import pytest
from starlette.applications import Starlette
from tests.contract.engine.conftest import EngineProcess
from tests.recordings import LEISURE, SELFISH, encoded, noise, silence, tone, word_errors, words

from domicile_engines.endpoints.speech.endpoint import SpeechService
from domicile_engines.endpoints.transcriptions.endpoint import TranscriptionsService

pytestmark = [pytest.mark.contract("C22"), pytest.mark.timeout(300)]

HEARS = "whisper-base"
SPEAKS = "kokoro-82m"


@pytest.fixture
def client(engine: EngineProcess) -> Iterator[openai.OpenAI]:
    with engine.http(timeout=240) as http:
        yield openai.OpenAI(api_key="unused", base_url="http://engine/v1", http_client=http, max_retries=0)


def test_real_speech_is_written_down(client: openai.OpenAI) -> None:
    heard = client.audio.transcriptions.create(
        model=HEARS,
        file=("leisure.flac", LEISURE.content),
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
        # Letters and signs, not an end.
        prompt="<|endoftext|> John Dashwood",
    )
    assert word_errors(LEISURE.text, heard.text) <= 1
    assert heard.language == "english"
    assert heard.duration == pytest.approx(LEISURE.seconds, abs=0.01)
    assert heard.words is not None and heard.segments is not None
    assert [word.word for word in heard.words][:2] == ["And", "Mr."]
    assert all(0 <= word.start <= word.end <= LEISURE.seconds + 0.1 for word in heard.words)
    assert "".join(segment.text for segment in heard.segments).strip() == heard.text


@pytest.mark.parametrize(
    "sound",
    [silence(3), noise(3, 0.003), noise(3, 0.1), tone(3)],
    ids=["silence", "faint noise", "loud noise", "tone"],
)
def test_where_nobody_speaks_nothing_is_written(client: openai.OpenAI, sound: object) -> None:
    content = encoded(sound)  # type: ignore[arg-type]  # an array
    heard = client.audio.transcriptions.create(
        model=HEARS, file=("quiet.wav", content), response_format="verbose_json", prompt="Thank you for watching."
    )
    assert (heard.text, heard.segments, heard.language) == ("", [], "unknown")
    assert heard.duration == pytest.approx(3)


def test_a_transcript_is_streamed(client: openai.OpenAI) -> None:
    events = list(client.audio.transcriptions.create(model=HEARS, file=("a.flac", SELFISH.content), stream=True))
    assert [event.type for event in events] == ["transcript.text.delta", "transcript.text.done"]
    assert events[-1].type == "transcript.text.done"
    assert word_errors(SELFISH.text, events[-1].text) <= 1


def test_translation_says_it_in_english(client: openai.OpenAI) -> None:
    said = client.audio.translations.create(model=HEARS, file=("a.flac", SELFISH.content), response_format="text")
    assert {"cold", "hearted", "selfish"} <= set(words(str(said)))


TEXT = "The patient was born on 3 May 1987, and lives at 21 Baker Street. Nobody has paid the bill yet."
SAID = "The patient was born on May 3rd 1987 and lives at 21 Baker Street nobody has paid the bill yet"


def test_what_is_spoken_is_heard_again(client: openai.OpenAI) -> None:
    spoken = client.audio.speech.create(model=SPEAKS, input=TEXT, voice="alloy", response_format="opus")
    heard = client.audio.transcriptions.create(model=HEARS, file=("said", spoken.content), language="en")
    # Numbers may be written either way; the words must be there.
    assert {"patient", "born", "lives", "baker", "street", "nobody", "paid", "bill"} <= set(words(heard.text))
    assert word_errors(SAID, heard.text) <= 5


def test_speech_is_sent_sentence_by_sentence(engine: EngineProcess) -> None:
    body = {"model": SPEAKS, "input": "One. Two. Three.", "voice": "nova", "response_format": "pcm"}
    with engine.http(timeout=240) as http, http.stream("POST", "/v1/audio/speech", json=body) as answer:
        pieces = [piece for piece in answer.iter_raw() if piece]
        assert answer.headers["content-type"] == "audio/pcm"
    assert len(pieces) >= 3
    with engine.http(timeout=240) as http:
        events = http.post("/v1/audio/speech", json={**body, "stream_format": "sse"}).text.split("\n\n")
    assert {json.loads(event[6:])["type"] for event in events[:-3]} == {"speech.audio.delta"}
    done = json.loads(events[-3][6:])
    assert done["type"] == "speech.audio.done"
    assert done["usage"]["output_tokens"] == len(b"".join(pieces)) // 2 // 600
    assert events[-2] == "data: [DONE]"


def test_faster_speech_is_shorter(client: openai.OpenAI) -> None:
    def bytes_at(speed: float) -> int:
        said = client.audio.speech.create(
            model=SPEAKS, input="How long?", voice="echo", response_format="pcm", speed=speed
        )
        return len(said.content)

    assert bytes_at(4) < bytes_at(1)


def test_text_that_cannot_be_read_aloud_is_refused(client: openai.OpenAI) -> None:
    for text in ("Привет, мир", "😀 !?"):
        with pytest.raises(openai.BadRequestError) as caught:
            client.audio.speech.create(model=SPEAKS, input=text, voice="alloy")
        assert caught.value.param == "input"


@pytest.mark.parametrize("content", [b"", b"This is a text.\n" * 100, LEISURE.content[:9_000]])
def test_what_is_no_recording_is_refused(client: openai.OpenAI, content: bytes) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.audio.transcriptions.create(model=HEARS, file=("a.wav", content))
    assert (caught.value.code, caught.value.param) == ("invalid_file", "file")


def test_a_client_that_leaves_frees_the_voice(engine: EngineProcess) -> None:
    """A long text's reader goes away after its first sentence: the next text does not wait for the rest."""
    long = {
        "model": SPEAKS,
        "input": "This is one of many sentences. " * 130,
        "voice": "sage",
        "response_format": "pcm",
    }
    with engine.http(timeout=240) as http, http.stream("POST", "/v1/audio/speech", json=long) as answer:
        next(answer.iter_raw())
    with ThreadPoolExecutor(1) as threads:
        short = {**long, "input": "Next."}
        waiting = threads.submit(httpx2.Client.post, engine.http(timeout=240), "/v1/audio/speech", json=short)
        assert waiting.result(timeout=60).status_code == 200


def test_nothing_that_was_said_is_in_the_log(engine: EngineProcess) -> None:
    """The engine runs with its most talkative log. After the tests above, which spoke and heard all of these."""
    log = engine.log.read_text().lower()
    assert "loaded kokoro-82m" in log
    for word in ("dashwood", "selfish", "baker", "patient", "endoftext", "leisure.flac"):
        assert word not in log


@pytest.fixture
def written_files() -> Iterator[list[str]]:
    """What this process opens for writing while the test runs."""
    opened: list[str] = []
    watching = True

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event == "open":
            path, mode, flags = arguments
            if (isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)) or set("wax+") & set(str(mode or "")):
                opened.append(str(path))
        elif watching and event.startswith("tempfile."):
            opened.append(event)

    # A hook of this kind stays for good.
    sys.addaudithook(note)
    yield opened
    watching = False


async def test_neither_a_recording_nor_a_text_rests_on_a_disk(written_files: list[str]) -> None:
    services = (TranscriptionsService(idle_s=60, threads=1), SpeechService(idle_s=60, threads=1))
    app = Starlette(routes=[route for service in services for route in service.routes()])
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://engine") as http:
        said = await http.post(
            "/v1/audio/speech", json={"model": SPEAKS, "input": "Hello.", "voice": "coral", "response_format": "mp3"}
        )
        heard = await http.post(
            "/v1/audio/transcriptions", files={"file": ("a", LEISURE.content)}, data={"model": HEARS}
        )
    assert (said.status_code, heard.status_code) == (200, 200)
    for service in services:
        await service.close()
    assert [path for path in written_files if not path.endswith(".pyc")] == []
