"""What real clients send, to the engines that come with Domicile: served, refused as OpenAI does, and named when ignored."""

from typing import Any

import httpx2
import pytest

from tests.e2e.conftest import RunningUp
from tests.platform.installation import IssuedKey

QUESTION = {"role": "user", "content": "Weather in Paris?"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}
ASKED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
SUNNY = {"role": "tool", "tool_call_id": "call_1", "content": "Sunny"}
PARSED = {**CALL["function"], "parsed_arguments": {"city": "Paris"}}  # type: ignore[dict-item]
NOTHING = {"tools": None, "tool_choice": None, "user": None, "response_format": None, "parallel_tool_calls": None}


def post(up: RunningUp, key: IssuedKey, body: dict[str, Any]) -> httpx2.Response:
    """POST /v1/chat/completions, of two tokens unless the body says otherwise."""
    sent = {"model": "gpt-4o-mini", "messages": [QUESTION], "max_completion_tokens": 2, **body}
    client = up.client("eu", key.secret)
    with httpx2.Client(base_url=str(client.base_url), timeout=60, verify=False, trust_env=False) as http:
        return http.post("chat/completions", json=sent, headers={"authorization": f"Bearer {key.secret}"})


@pytest.mark.parametrize(
    ("body", "ignored"),
    [
        ({"messages": [QUESTION, ASKED, {**SUNNY, "name": "get_weather"}]}, "messages[].name"),
        (
            {"messages": [QUESTION, {**ASKED, "tool_calls": [{"index": 0, **CALL}]}, SUNNY]},
            "messages[].tool_calls[].index",
        ),
        (
            {"messages": [QUESTION, {**ASKED, "tool_calls": [{**CALL, "function": PARSED}]}, SUNNY]},
            "messages[].tool_calls[].function.parsed_arguments",
        ),
        ({"messages": [QUESTION, {"role": "assistant", "content": "x", "audio": None}, QUESTION]}, None),
        ({"messages": [QUESTION, {"role": "assistant", "content": None}, QUESTION]}, None),
        (
            {"messages": [QUESTION, {"role": "assistant", "content": "x", "reasoning_content": "thinking"}, QUESTION]},
            "messages[].reasoning_content",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}],
                    }
                ]
            },
            "messages[].content[].cache_control",
        ),
        ({"modalities": ["text"]}, None),
        ({"logit_bias": {}}, None),
        (NOTHING, None),
        ({"tools": [], "tool_choice": "auto"}, None),
        ({"stop": [], "reasoning_effort": "medium", "verbosity": "medium"}, None),
        ({"model": "o3-mini", "reasoning_effort": "low"}, "reasoning_effort"),
    ],
)
def test_what_asks_for_nothing_or_is_only_sent_back_is_served(
    up: RunningUp, eu_key: IssuedKey, body: dict[str, Any], ignored: str | None
) -> None:
    answer = post(up, eu_key, body)
    assert answer.status_code == 200, answer.text
    assert answer.headers.get("domicile-ignored") == ignored


def test_a_model_that_reasons_refuses_here_what_openai_s_refuses(up: RunningUp, eu_key: IssuedKey) -> None:
    answer = post(up, eu_key, {"model": "o3-mini", "max_completion_tokens": None, "max_tokens": 5, "temperature": 0})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "unsupported_parameter", "max_tokens")
    assert "Use 'max_completion_tokens' instead." in error["message"]


def test_a_conversation_that_is_too_long_is_told_in_words_that_clients_know(up: RunningUp, eu_key: IssuedKey) -> None:
    answer = post(up, eu_key, {"messages": [{"role": "user", "content": "word " * 8000}]})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "context_length_exceeded", "messages")
    assert error["message"].startswith("Input tokens exceed the configured limit of ")
    assert "Your messages resulted in " in error["message"]


def test_every_name_that_works_is_listed(up: RunningUp, eu_key: IssuedKey) -> None:
    client = up.client("eu", eu_key.secret)
    listed = {model.id for model in client.models.list()}
    assert {"gpt-4o", "gpt-4o-2024-08-06", "o3-mini", "gpt-3.5-turbo", "text-moderation-latest"} <= listed
    assert client.models.retrieve("gpt-4o").id == "gpt-4o"
