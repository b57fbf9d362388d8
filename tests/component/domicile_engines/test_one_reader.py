"""A region and an engine read one request in one way: what is wrong in itself gets the same answer from both."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from domicile.web.bodies.multipart import write_form
from domicile_engines.app.application import create_app
from domicile_engines.app.serving import endpoint_services
from domicile_engines.models.smollm2.engine import ChatEngine, EngineLimits
from tests.component.data_plane.region_under_test import region_under_test
from tests.unit.data_plane.region_parts import engine_settings

CHAT = {"model": "gpt-4o-2024-08-06", "messages": [{"role": "user", "content": "x"}]}
COMPLETION = {"model": "gpt-3.5-turbo-instruct", "prompt": "x"}
EMBEDDING = {"model": "text-embedding-3-small", "input": "x"}
IMAGE = {"model": "dall-e-3", "prompt": "x", "response_format": "b64_json"}
MODERATION = {"model": "omni-moderation-latest", "input": "x"}
SPEECH = {"model": "tts-1", "input": "x", "voice": "alloy"}
TRANSCRIPTION = {"model": "whisper-1"}
TOOL = {"type": "function", "function": {"name": "f"}}


def bodies(
    path: str, right: dict[str, Any], *wrong: dict[str, Any]
) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """A right body of an endpoint, with each of the members that make it wrong."""
    return [(path, right, members) for members in wrong]


JSON_BODIES = [
    *bodies(
        "/v1/chat/completions",
        CHAT,
        {"temperature": "hot"},
        {"temperature": 2.5},
        {"n": 0},
        {"n": "1"},
        {"n": 129},
        {"stop": ["a"] * 5},
        {"zap": 1},
        {"messages": []},
        {"messages": [{"role": "boss", "content": "x"}]},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "user", "content": "x", "zap": 1}]},
        {"messages": [{"role": "tool", "content": "x", "tool_call_id": "c"}]},
        {"top_logprobs": 3},
        {"logprobs": True, "top_logprobs": 21},
        {"stream_options": {"include_usage": True}},
        {"max_tokens": 0},
        {"max_tokens": 1, "max_completion_tokens": 1},
        {"tools": [TOOL, TOOL]},
        {"tool_choice": "required"},
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}},
        {"functions": [{"name": "f", "strict": True}]},
        {"function_call": {"name": "f"}},
        {"response_format": {"type": "json_schema"}},
        {"response_format": {"type": "xml"}},
    ),
    *bodies(
        "/v1/completions",
        COMPLETION,
        {"prompt": []},
        {"prompt": ["a", 1]},
        {"prompt": [[]]},
        {"n": 2, "best_of": 1},
        {"logprobs": 6},
        {"stream_options": {"include_usage": True}},
        {"messages": []},
    ),
    *bodies(
        "/v1/embeddings",
        EMBEDDING,
        {"input": ""},
        {"input": []},
        {"input": ["a", ""]},
        {"input": [[1], "a"]},
        {"input": [-1]},
        {"input": [True]},
        {"input": [1] * 8193},
        {"input": ["a"] * 2049},
        {"encoding_format": "int8"},
        {"dimensions": 0},
        {"truncate": 1},
    ),
    *bodies(
        "/v1/images/generations",
        IMAGE,
        {"prompt": " \n"},
        {"prompt": "x" * 4001},
        {"prompt": None},
        {"size": "512x512"},
        {"n": 11},
        {"quality": "high"},
        {"style": "baroque"},
        {"seed": 1},
    ),
    *bodies(
        "/v1/moderations",
        MODERATION,
        {"input": []},
        {"input": None},
        {"input": ["a", {"type": "text", "text": "a"}]},
        {"input": ["a", 1]},
        {"input": ["a"] * 2049},
        {"input": [{"type": "text"}]},
        {"input": [{"type": "input_audio"}]},
        {"input": [{"type": "text", "text": "a", "detail": "low"}]},
    ),
    *bodies(
        "/v1/audio/speech",
        SPEECH,
        {"input": "  \n"},
        {"input": "x" * 4097},
        {"voice": 3},
        {"voice": {"id": "voice_1"}},
        {"speed": 4.5},
        {"response_format": "ogg"},
        {"stream_format": "x"},
        {"colour": "blue"},
    ),
]

RAW_BODIES = [
    b'{"model":"gpt-4o-2024-08-06","messages":[{"role":"user","content":"x"}],"n":1,"n":8}',
    b'{"model":"gpt-4o-2024-08-06","messages":[{"role":"user","content":"x"}],"temperature":NaN}',
    b'{"model":"gpt-4o-2024-08-06","messages":[{"role":"user","content":"x"}],"seed":99999999999999999999}',
    b'{"model":"gpt-4o-2024-08-06","messages":[{"role":"user","content":"\\ud800"}]}',
    b'{"model":"gpt-4o-2024-08-06","messages":[' + b"[" * 70 + b"]" * 70 + b"]}",
    b'{"messages":[{"role":"user","content":"x"}]}',
    b"",
    b"[]",
    b"\xff",
    b"{",
]

FORMS: list[dict[str, Any]] = [
    {"temperature": "1.5"},
    {"temperature": "warm"},
    {"temperature": "nan"},
    {"response_format": "xml"},
    {"language": "English"},
    {"prompt": ["a", "b"]},
    {"stream": "perhaps"},
    {"stream": "true", "response_format": "srt"},
    {"timestamp_granularities[]": "day"},
    {"timestamp_granularities[]": "word"},
    {"colour": "blue"},
]

Both = tuple[httpx2.AsyncClient, httpx2.AsyncClient]


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[Both]:
    """A region whose engine does not answer, and an engine that has loaded nothing."""
    models = [each["model"] for each in (CHAT, COMPLETION, EMBEDDING, IMAGE, MODERATION, SPEECH, TRANSCRIPTION)]
    settings = engine_settings(models=dict.fromkeys(models, "m"))
    engine = ChatEngine(EngineLimits(slots=1, context=64, prompt_limit=32, threads=1), tmp_path / "engine.d")
    app = create_app(engine, endpoint_services(engine, None, idle_s=1, threads=1))
    transport = httpx2.ASGITransport(app=app)
    async with (
        region_under_test(tmp_path, [settings]) as region,
        httpx2.AsyncClient(transport=transport, base_url="http://engine") as client,
    ):
        yield region.http, client


async def answers(both: Both, path: str, **sent: Any) -> list[tuple[int, Any]]:
    found = [await client.post(path, **sent) for client in both]
    return [(answer.status_code, answer.json()) for answer in found]


async def test_a_json_body_that_is_wrong_in_itself_gets_one_answer(both: Both) -> None:
    for path, right, members in JSON_BODIES:
        of_region, of_engine = await answers(both, path, json={**right, **members})
        assert of_region[0] == 400, (path, members, of_region)
        assert of_engine == of_region, (path, members)


async def test_a_body_that_is_no_json_of_ours_gets_one_answer(both: Both) -> None:
    for body in RAW_BODIES:
        headers = {"content-type": "application/json"}
        of_region, of_engine = await answers(both, "/v1/chat/completions", content=body, headers=headers)
        assert of_region[0] == 400, body
        assert of_engine == of_region, body


async def test_a_form_that_is_wrong_in_itself_gets_one_answer(both: Both) -> None:
    for fields in FORMS:
        pairs = [
            (name, each)
            for name, value in {**TRANSCRIPTION, **fields}.items()
            for each in (value if isinstance(value, list) else [value])
        ]
        body, content_type = write_form(pairs, [("file", b"sound")])
        headers = {"content-type": content_type}
        of_region, of_engine = await answers(both, "/v1/audio/transcriptions", content=body, headers=headers)
        assert of_region[0] == 400, fields
        assert of_engine == of_region, fields


@pytest.mark.parametrize("body", [CHAT, COMPLETION])
async def test_members_that_a_region_adds_are_no_callers(both: Both, body: dict[str, Any]) -> None:
    path = "/v1/chat/completions" if body is CHAT else "/v1/completions"
    for name, value in (("cache_salt", "s"), ("priority", 1)):
        of_region, of_engine = await answers(both, path, content=msgspec.json.encode({**body, name: value}))
        assert (of_region[0], of_region[1]["error"]["code"]) == (400, "unknown_parameter")
        assert of_engine[1]["error"]["code"] == "model_not_found"
