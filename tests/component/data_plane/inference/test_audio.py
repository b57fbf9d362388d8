"""Recordings and speech through the request lifecycle: sent, shown and metered (contract C22)."""

import base64
import json
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from tests.component.data_plane.region_under_test import RegionUnderTest, StubEngine, region_under_test, stub_engine
from tests.recordings import SELFISH, encoded, tone
from tests.unit.data_plane.region_parts import engine_settings

pytestmark = pytest.mark.contract("C22")

HEARS, SPEAKS, CHATS = "whisper-1", "tts-1", "gpt-4o-2024-11-20"
LISTENS = "gpt-4o-2024-08-06"
TONE = encoded(tone(2))


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StubEngine]:
    with stub_engine(tmp_path_factory.mktemp("engine"), "one") as engine:
        yield engine


@pytest_asyncio.fixture
async def region(tmp_path: Path, stub: StubEngine) -> AsyncIterator[RegionUnderTest]:
    engines = [
        engine_settings("one", socket=stub.socket, models={HEARS: "its-ears", SPEAKS: "its-voice"}),
        engine_settings("two", socket=stub.socket, models={CHATS: "its-mind"}),
        engine_settings("three", socket=stub.socket, models={LISTENS: "it-all"}, modalities={"text", "audio"}),
    ]
    async with region_under_test(tmp_path, engines) as region:
        yield region


async def test_a_recording_goes_on_as_it_was_read_and_under_no_name(region: RegionUnderTest, stub: StubEngine) -> None:
    async with region.official_client() as client:
        heard = await client.audio.transcriptions.create(
            model=HEARS,
            file=("patient-4711.flac", SELFISH.content, "audio/x-secret"),
            prompt="hello",
            language="en",
            temperature=0.5,
            response_format="verbose_json",
            timestamp_granularities=["word", "segment"],
        )
    assert (heard.text, heard.duration, heard.model_extra) == ("hello", 6.5, {"task": "transcribe"})
    assert heard.segments is not None
    assert (heard.segments[0].text, heard.segments[0].tokens, heard.segments[0].model_extra) == ("hello", [], {})
    sent = stub.received[-1]
    assert sent["body"] == {
        "model": ["its-ears"],
        "prompt": ["hello"],
        "language": ["en"],
        "temperature": ["0.5"],
        "response_format": ["verbose_json"],
        "timestamp_granularities[]": ["word", "segment"],
        "file_bytes": len(SELFISH.content),
    }
    assert "patient" not in json.dumps(sent) and "secret" not in json.dumps(sent)
    (row,) = await region.ledger(1)
    assert (row.endpoint, row.model, row.audio_milliseconds, row.counted_by) == (
        "/v1/audio/transcriptions",
        HEARS,
        7000,
        "engine",
    )


@pytest.mark.parametrize("kind", ["text", "srt", "vtt"])
async def test_what_no_engine_counts_is_counted_here(region: RegionUnderTest, kind: str) -> None:
    answer = await region.http.post(
        "/v1/audio/translations", files={"file": ("a", TONE)}, data={"model": HEARS, "response_format": kind}
    )
    assert (answer.text, answer.headers["content-type"]) == (f"{kind}: heard\n", "text/plain; charset=utf-8")
    (row,) = await region.ledger(1)
    assert (row.endpoint, row.audio_milliseconds, row.counted_by) == ("/v1/audio/translations", 2000, "platform")


async def test_a_translation_has_no_member_outside_the_specification(region: RegionUnderTest) -> None:
    answer = await region.http.post("/v1/audio/translations", files={"file": ("a", TONE)}, data={"model": HEARS})
    assert answer.json() == {"text": "heard"}
    assert answer.headers["domicile-engine"] == "label-one"


async def test_a_stream_of_events_ends_with_the_whole_text(region: RegionUnderTest) -> None:
    async with region.official_client() as client:
        stream = await client.audio.transcriptions.create(
            model=HEARS, file=("a", TONE), stream=True, prompt="two words"
        )
        events = [event.to_dict() async for event in stream]
    assert events == [
        {"type": "transcript.text.delta", "delta": "two words"},
        {"type": "transcript.text.done", "text": "two words"},
    ]
    (row,) = await region.ledger(1)
    assert (row.audio_milliseconds, row.counted_by, row.outcome) == (7000, "engine", "complete")


FORM = {"model": HEARS}


@pytest.mark.parametrize(
    ("file", "fields", "status", "code", "param"),
    [
        (b"", FORM, 400, "invalid_file", "file"),
        (b"This is a text. " * 100, FORM, 400, "invalid_file", "file"),
        (TONE[:40], FORM, 400, "invalid_file", "file"),
        (bytes(26 * 1024 * 1024), FORM, 413, "request_too_large", "file"),
        (bytes(30 * 1024 * 1024), FORM, 413, "request_too_large", "file"),
        (None, FORM, 400, "missing_required_parameter", "file"),
        (TONE, {}, 400, "missing_required_parameter", "model"),
        (TONE, {"model": SPEAKS}, 400, "model_not_eligible", "model"),
        (TONE, {**FORM, "colour": "blue"}, 400, "unknown_parameter", "colour"),
        (TONE, {**FORM, "language": "English!"}, 400, "invalid_value", "language"),
        (TONE, {**FORM, "temperature": "nan"}, 400, "invalid_value", "temperature"),
        (TONE, {**FORM, "temperature": "2"}, 400, "invalid_value", "temperature"),
        (TONE, {**FORM, "temperature": "warm"}, 400, "invalid_type", "temperature"),
        (TONE, {**FORM, "response_format": "diarized_json"}, 400, "unsupported_parameter", "response_format"),
        (TONE, {**FORM, "chunking_strategy": "server_vad"}, 400, "unsupported_parameter", "chunking_strategy"),
        (TONE, {**FORM, "known_speaker_names[]": "Jane"}, 400, "unsupported_parameter", "known_speaker_names"),
        (TONE, {**FORM, "timestamp_granularities[]": "word"}, 400, "invalid_value", "timestamp_granularities"),
        (TONE, {**FORM, "stream": "true", "response_format": "srt"}, 400, "invalid_value", "stream"),
        (TONE, {**FORM, "prompt": ["a", "b"]}, 400, "invalid_type", "prompt"),
        (TONE, {**FORM, "prompt": "do:parameter"}, 400, "unsupported_parameter", "seed"),
        (TONE, {**FORM, "prompt": "do:garbage"}, 503, "engine_unavailable", None),
    ],
)
async def test_what_is_wrong_with_a_recording(
    region: RegionUnderTest, file: bytes | None, fields: dict[str, object], status: int, code: str, param: str | None
) -> None:
    if file is None:
        answer = await region.http.post("/v1/audio/transcriptions", files={"model": (None, HEARS)})
    else:
        answer = await region.http.post("/v1/audio/transcriptions", files={"file": ("a", file)}, data=fields)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)
    assert "secret-host" not in answer.text


@pytest.mark.parametrize(
    "fields",
    [
        {"language": "", "prompt": "", "temperature": "", "response_format": "", "stream": ""},
        {"languages[]": "", "timestamp_granularities[]": "", "include[]": ["", ""], "keywords": ""},
        {"temperature": "null", "response_format": "null", "stream": "null", "language": "null"},
        {"timestamp_granularities[]": "segment", "chunking_strategy": "auto"},
    ],
)
async def test_fields_that_are_left_empty_ask_for_nothing(
    region: RegionUnderTest, stub: StubEngine, fields: dict[str, object]
) -> None:
    answer = await region.http.post("/v1/audio/transcriptions", files={"file": ("a", TONE)}, data={**FORM, **fields})
    assert answer.status_code == 200, answer.text
    assert stub.received[-1]["body"].keys() == {"model", "file_bytes"}


@pytest.mark.parametrize(
    ("fields", "param"),
    [({"model": ""}, "model"), ({"colour": ""}, "colour"), ({"languages[]": ["", "English!"]}, "languages[0]")],
)
async def test_an_empty_field_that_is_needed_or_unknown_is_named(
    region: RegionUnderTest, fields: dict[str, object], param: str
) -> None:
    answer = await region.http.post("/v1/audio/transcriptions", files={"file": ("a", TONE)}, data={**FORM, **fields})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


async def test_a_text_that_says_null_is_a_text(region: RegionUnderTest, stub: StubEngine) -> None:
    fields = {**FORM, "prompt": "null"}
    await region.http.post("/v1/audio/transcriptions", files={"file": ("a", TONE)}, data=fields)
    assert stub.received[-1]["body"]["prompt"] == ["null"]


async def test_a_recording_as_json_and_a_damaged_form(region: RegionUnderTest) -> None:
    as_json = await region.http.post("/v1/audio/transcriptions", json={"model": HEARS})
    assert (as_json.status_code, as_json.json()["error"]["code"]) == (415, "unsupported_media_type")
    damaged = await region.http.post(
        "/v1/audio/transcriptions", content=b"--b\r\n", headers={"content-type": "multipart/form-data; boundary=b"}
    )
    assert (damaged.status_code, damaged.json()["error"]["code"]) == (400, "invalid_form")


SAY = {"model": SPEAKS, "input": "one two three", "voice": "alloy"}


async def test_speech_is_passed_on_as_it_comes_and_counted_by_its_characters(
    region: RegionUnderTest, stub: StubEngine
) -> None:
    async with region.http.stream("POST", "/v1/audio/speech", json={**SAY, "response_format": "opus"}) as answer:
        sound = [piece async for piece in answer.aiter_raw()]
    assert b"".join(sound) == b"onetwothree"
    assert (answer.headers["content-type"], answer.headers["domicile-engine"]) == ("audio/ogg", "label-one")
    assert stub.received[-1]["body"] == {**SAY, "model": "its-voice", "response_format": "opus"}
    (row,) = await region.ledger(1)
    assert (row.endpoint, row.characters, row.counted_by, row.outcome) == (
        "/v1/audio/speech",
        len("one two three"),
        "platform",
        "complete",
    )


async def test_speech_as_events(region: RegionUnderTest) -> None:
    answer = await region.http.post("/v1/audio/speech", json={**SAY, "stream_format": "sse"})
    *pieces, done = [json.loads(line[6:]) for line in answer.text.split("\n\n") if line]
    assert b"".join(base64.b64decode(piece["audio"]) for piece in pieces) == b"onetwothree"
    assert {frozenset(piece) for piece in pieces} == {frozenset({"type", "audio"})}
    assert done["usage"] == {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}


async def test_sound_that_breaks_off_is_not_taken_for_the_whole(region: RegionUnderTest) -> None:
    with pytest.raises(httpx2.RemoteProtocolError):
        await region.http.post("/v1/audio/speech", json={**SAY, "input": "one break two"})
    (row,) = await region.ledger(1)
    assert (row.characters, row.outcome) == (len("one break two"), "engine_broke_off")


@pytest.mark.parametrize(
    ("members", "status", "code", "param"),
    [
        ({"input": "x" * 4097}, 400, "invalid_value", "input"),
        ({"input": " "}, 400, "invalid_value", "input"),
        ({"voice": {"id": "voice_1"}}, 400, "invalid_value", "voice"),
        ({"voice": 3}, 400, "invalid_type", "voice"),
        ({"speed": 5}, 400, "invalid_value", "speed"),
        ({"response_format": "ogg"}, 400, "invalid_value", "response_format"),
        ({"colour": "blue"}, 400, "unknown_parameter", "colour"),
        ({"model": HEARS}, 400, "model_not_eligible", "model"),
        ({"input": "do:parameter"}, 400, "unsupported_parameter", "seed"),
        ({"input": "do:401"}, 503, "engine_misconfigured", None),
    ],
)
async def test_what_is_wrong_with_a_text(
    region: RegionUnderTest, members: dict[str, object], status: int, code: str, param: str | None
) -> None:
    answer = await region.http.post("/v1/audio/speech", json={**SAY, **members})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)


async def test_a_recording_is_read_without_a_file_on_any_disk(
    region: RegionUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever would make a temporary file finds no folder for it: of a large form, and of a refused one."""
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere/at/all")
    large = encoded(tone(200))
    assert len(large) > 6_000_000
    for content, status in ((large, 200), (bytes(6_000_000), 400)):
        answer = await region.http.post(
            "/v1/audio/transcriptions", files={"file": ("a", content)}, data={"model": HEARS}
        )
        assert answer.status_code == status


def spoken(content: bytes, kind: str = "wav") -> dict[str, object]:
    data = base64.b64encode(content).decode()
    return {"type": "input_audio", "input_audio": {"data": data, "format": kind}}


def chat(model: str, *parts: dict[str, object]) -> dict[str, object]:
    return {
        "model": model,
        "messages": [
            {"role": "system", "content": "Listen."},
            {"role": "user", "content": [{"type": "text", "text": "What is said?"}, *parts]},
        ],
    }


@pytest.mark.contract("C29")
async def test_where_no_engine_has_ears_a_transcript_stands_in_a_recording_s_place(
    region: RegionUnderTest, stub: StubEngine
) -> None:
    mp3 = encoded(tone(1, 44_100), "mp3", "libmp3lame", 44_100)
    answer = await region.http.post("/v1/chat/completions", json=chat(CHATS, spoken(TONE), spoken(mp3, "mp3")))
    assert answer.status_code == 200, answer.text
    assert answer.headers["domicile-engine"] == "label-two, label-one"
    *_, first, second, sent = stub.received
    assert [each["body"]["model"] for each in (first, second)] == [["its-ears"], ["its-ears"]]
    assert [each["body"]["file_bytes"] for each in (first, second)] == [len(TONE), len(mp3)]
    assert sent["body"]["model"] == "its-mind"
    assert sent["body"]["messages"][1]["content"] == [
        {"type": "text", "text": "What is said?"},
        {"type": "text", "text": "heard"},
        {"type": "text", "text": "heard"},
    ]
    rows = await region.ledger(3)
    assert sorted((row.endpoint, row.model, row.engine, row.audio_milliseconds) for row in rows) == [
        ("/v1/audio/transcriptions", HEARS, "one", 7000),
        ("/v1/audio/transcriptions", HEARS, "one", 7000),
        ("/v1/chat/completions", CHATS, "two", 0),
    ]


@pytest.mark.contract("C29")
async def test_an_engine_with_ears_hears_the_recording_itself(region: RegionUnderTest, stub: StubEngine) -> None:
    answer = await region.http.post("/v1/chat/completions", json=chat(LISTENS, spoken(TONE)))
    assert answer.headers["domicile-engine"] == "label-three"
    assert stub.received[-1]["body"]["messages"][1]["content"][1] == spoken(TONE)


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_audio", "input_audio": {"data": "no base64!", "format": "wav"}},
        spoken(b"This is a text."),
        spoken(TONE, "mp3"),
        spoken(TONE[:40]),
        spoken(b""),
    ],
    ids=["no base64", "text", "wav as mp3", "cut short", "nothing"],
)
@pytest.mark.contract("C29")
async def test_a_part_that_is_no_recording_is_refused_by_its_path(
    region: RegionUnderTest, part: dict[str, object]
) -> None:
    answer = await region.http.post("/v1/chat/completions", json=chat(CHATS, part))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "invalid_file")
    assert error["param"] == "messages[1].content[1].input_audio.data"
