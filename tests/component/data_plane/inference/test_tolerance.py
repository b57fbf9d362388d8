"""What real clients send, over HTTP to an engine that says what it was sent (decision 0021)."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from domicile.catalogue.catalogue import load_catalogue
from domicile.catalogue.endpoints import Endpoint
from tests.component.data_plane.region_under_test import (
    MODEL,
    RegionUnderTest,
    StubEngine,
    region_under_test,
    stub_engine,
)
from tests.unit.data_plane.region_parts import ORGANIZATION, engine_settings

REASONING = "o3-mini-2025-01-31"
SECRET = "only for another provider"
LACKING = {
    *("logit_bias", "modalities", "prediction", "reasoning_effort", "suffix", "verbosity", "presence_penalty", "n"),
    *("temperature", "response_format", "stop", "best_of", "echo", "logprobs", "style", "quality"),
}
CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}
QUESTION = {"role": "user", "content": "Weather in Paris?"}
ASKED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
SUNNY = {"role": "tool", "tool_call_id": "call_1", "content": "Sunny"}


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StubEngine]:
    with stub_engine(tmp_path_factory.mktemp("engine"), "one") as engine:
        yield engine


@pytest_asyncio.fixture
async def region(tmp_path: Path, stub: StubEngine) -> AsyncIterator[RegionUnderTest]:
    """With one engine that lacks most of what an engine can lack."""
    models = {name: name for name in (MODEL, REASONING, "gpt-3.5-turbo-instruct", "dall-e-3")}
    engine = engine_settings(
        socket=stub.socket, models=models, tools=False, logprobs=False, unsupported_parameters=LACKING
    )
    async with region_under_test(tmp_path, [engine]) as region:
        yield region


def conversation(*messages: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": list(messages), **members}


def with_call(**members: Any) -> dict[str, Any]:
    return conversation(QUESTION, {**ASKED, "tool_calls": [{**CALL, **members}]}, SUNNY)


def said(**members: Any) -> dict[str, Any]:
    return conversation(QUESTION, {"role": "assistant", "content": "x", **members}, {"role": "user", "content": "B"})


HISTORIES = [
    (conversation(QUESTION, ASKED, {**SUNNY, "name": "get_weather"}), "messages[].name"),
    (with_call(index=0), "messages[].tool_calls[].index"),
    (
        with_call(function={**CALL["function"], "parsed_arguments": {"city": SECRET}}),  # type: ignore[dict-item]
        "messages[].tool_calls[].function.parsed_arguments",
    ),
    (said(audio=None), None),
    (said(annotations=None, function_call=None, refusal=None, tool_calls=None), None),
    (said(annotations=[]), "messages[].annotations"),
    (said(parsed={"a": SECRET}), "messages[].parsed"),
    (said(reasoning_content=SECRET), "messages[].reasoning_content"),
    (
        said(reasoning=SECRET, reasoning_details=[{"text": SECRET}]),
        "messages[].reasoning, messages[].reasoning_details",
    ),
    (said(thinking_blocks=[{"thinking": SECRET}]), "messages[].thinking_blocks"),
    (said(provider_specific_fields={"a": SECRET}), "messages[].provider_specific_fields"),
    (
        conversation(
            {
                "role": "user",
                "content": [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral", "x": SECRET}}],
            }
        ),
        "messages[].content[].cache_control",
    ),
    (conversation({**QUESTION, "cache_control": {"type": SECRET}}), "messages[].cache_control"),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("body", "ignored"), HISTORIES)
async def test_what_clients_send_back_is_taken_named_and_not_forwarded(
    region: RegionUnderTest,
    stub: StubEngine,
    body: dict[str, Any],
    ignored: str | None,
    stream: bool,
    capfd: pytest.CaptureFixture[str],
) -> None:
    answer = await region.http.post("/v1/chat/completions", json={**body, "stream": stream})
    assert answer.status_code == 200, answer.text
    assert answer.headers.get("domicile-ignored") == ignored
    sent = stub.received[-1]
    assert SECRET not in str(sent)
    assert set().union(*sent["body"]["messages"]) <= {"role", "content", "tool_calls", "tool_call_id"}
    assert SECRET not in "".join(capfd.readouterr())


async def test_the_header_is_short_whatever_is_sent() -> None:
    dropped = load_catalogue().parameters[Endpoint.CHAT_COMPLETIONS].dropped
    assert len(", ".join(dropped)) < 2048


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"reasoning_content": "x"}, "reasoning_content"),
        ({"cache_control": {}}, "cache_control"),
        ({"messages": [{**QUESTION, "reasoning_content": "x"}]}, "messages[0].reasoning_content"),
        ({"messages": [{**QUESTION, "made_up": 1}]}, "messages[0].made_up"),
        ({"messages": [{**QUESTION, "cache_control": {}, "made_up": 1}]}, "messages[0].made_up"),
    ],
)
async def test_all_else_stays_unknown(region: RegionUnderTest, members: dict[str, Any], param: str) -> None:
    answer = await region.http.post("/v1/chat/completions", json=conversation(QUESTION) | members)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unknown_parameter")
    assert answer.json()["error"]["param"] == param


@pytest.mark.parametrize(
    "members",
    [
        {"modalities": ["text"]},
        {"logit_bias": {}},
        {"tools": None, "tool_choice": None, "user": None, "response_format": None, "parallel_tool_calls": None},
        {"tools": [], "tool_choice": "auto"},
        {"tools": [], "tool_choice": "none", "parallel_tool_calls": True},
        {"functions": [], "function_call": "none"},
        {"top_logprobs": 0, "logprobs": False},
        {"n": 1, "presence_penalty": 0, "frequency_penalty": 0, "temperature": 1, "top_p": 1},
        {"service_tier": "auto", "store": False, "prediction": None, "stop": [], "verbosity": "medium"},
        {"response_format": {"type": "text"}},
    ],
)
async def test_a_default_is_never_refused_for_what_an_engine_lacks(
    region: RegionUnderTest, stub: StubEngine, members: dict[str, Any]
) -> None:
    answer = await region.http.post("/v1/chat/completions", json=conversation(QUESTION) | members)
    assert answer.status_code == 200, answer.text
    assert "domicile-ignored" not in answer.headers
    sent = stub.received[-1]["body"]
    # What this engine can do is sent: its own defaults may be others.
    able = {name for name in ("frequency_penalty", "top_p") if name in members}
    assert sent.keys() == {"model", "messages", "stream"} | able


async def test_the_same_of_the_other_endpoints(region: RegionUnderTest, stub: StubEngine) -> None:
    members = {"suffix": "", "logit_bias": {}, "best_of": 1, "echo": False, "logprobs": None, "n": 1, "stop": []}
    answer = await region.http.post(
        "/v1/completions", json={"model": "gpt-3.5-turbo-instruct", "prompt": "x", "user": None, **members}
    )
    assert answer.status_code == 200, answer.text
    assert stub.received[-1]["body"].keys() == {"model", "prompt", "stream"}
    members = {"stream": False, "background": "auto", "output_format": "png", "quality": "auto", "size": "auto", "n": 1}
    members |= {"moderation": "auto", "output_compression": 100, "partial_images": 0, "style": "vivid"}
    answer = await region.http.post(
        "/v1/images/generations", json={"prompt": "x", "response_format": "b64_json", **members}
    )
    assert answer.status_code == 200, answer.text
    # The model that stands in for the specification's default.
    assert stub.received[-1]["body"] == {"model": "dall-e-3", "prompt": "x", "response_format": "b64_json"}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("effort", ["low", "high", "none"])
async def test_an_engine_that_cannot_reason_ignores_how_hard_and_says_so(
    region: RegionUnderTest, stub: StubEngine, effort: str, stream: bool
) -> None:
    body = conversation(QUESTION, model="o3-mini", reasoning_effort=effort, stream=stream)
    body["messages"].append({"role": "assistant", "content": "x", "reasoning": "y"})
    answer = await region.http.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["domicile-ignored"] == "messages[].reasoning, reasoning_effort"
    assert "reasoning_effort" not in stub.received[-1]["body"]
    refused = await region.http.post("/v1/chat/completions", json={**body, "model": MODEL})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "reasoning_effort")


async def test_an_engine_that_can_reason_is_told_how_hard(tmp_path: Path, stub: StubEngine) -> None:
    engine = engine_settings(socket=stub.socket, models={REASONING: "reasoner"})
    async with region_under_test(tmp_path, [engine]) as region:
        body = conversation(QUESTION, model="o3-mini", reasoning_effort="low")
        answer = await region.http.post("/v1/chat/completions", json=body)
        assert "domicile-ignored" not in answer.headers
        assert stub.received[-1]["body"]["reasoning_effort"] == "low"


async def test_a_model_that_reasons_refuses_what_openai_s_does(region: RegionUnderTest) -> None:
    body = conversation(QUESTION, model="o3-mini", max_tokens=5, temperature=0)
    error = (await region.http.post("/v1/chat/completions", json=body)).json()["error"]
    assert (error["code"], error["param"]) == ("unsupported_parameter", "max_tokens")
    assert "max_completion_tokens" in error["message"]


async def test_every_answer_says_whose_key_it_was(region: RegionUnderTest) -> None:
    for path, status in (("/v1/models", 200), ("/v1/models/none", 404), ("/v1/nothing", 404)):
        answer = await region.http.get(path)
        assert (answer.status_code, answer.headers["openai-organization"]) == (status, ORGANIZATION)
        assert answer.headers["openai-version"] == "2020-10-01"
        assert int(answer.headers["openai-processing-ms"]) >= 0
    stranger = await region.http.get("/v1/models", headers={"authorization": "Bearer sk-nobody"})
    assert (stranger.status_code, stranger.headers.get("openai-organization")) == (401, None)
