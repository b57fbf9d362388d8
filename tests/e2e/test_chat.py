"""Chat on a real model in both regions, through the official SDK (C20, C28, C29)."""

import json
from typing import Any

import pytest
from openai import BadRequestError, NotFoundError

from tests.e2e.conftest import RunningUp
from tests.pictures import PNG_URL
from tests.platform.installation import CHAT_SNAPSHOTS, IssuedKey

HELLO: Any = [{"role": "user", "content": "Say hello."}]
BOTH = pytest.mark.parametrize("code", ["us", "eu"])
SCHEMA: Any = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "country": {"type": "string", "enum": ["France", "Spain"]}},
    "required": ["city", "country"],
    "additionalProperties": False,
}
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["Paris", "Madrid"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}


@pytest.fixture
def keys(us_key: IssuedKey, eu_key: IssuedKey) -> dict[str, str]:
    return {"us": us_key.secret, "eu": eu_key.secret}


@BOTH
@pytest.mark.contract("C20")
def test_each_snapshot_of_the_contract_answers_and_says_what_really_ran(
    up: RunningUp, keys: dict[str, str], code: str
) -> None:
    client = up.client(code, keys[code])
    served = {model.id: model for model in client.models.list()}
    for snapshot in CHAT_SNAPSHOTS:
        answer = client.chat.completions.create(model=snapshot, messages=HELLO, max_completion_tokens=2)
        assert answer.model == snapshot
        assert served[snapshot].model_extra == {"domicile": {"engines": ["smollm2-135m-instruct"]}}


@BOTH
@pytest.mark.contract("C20")
def test_what_is_not_listed_is_refused(up: RunningUp, keys: dict[str, str], code: str) -> None:
    client = up.client(code, keys[code])
    with pytest.raises(NotFoundError) as unknown:
        client.chat.completions.create(model="gpt-9", messages=HELLO)
    assert unknown.value.code == "model_not_found"
    with pytest.raises(BadRequestError) as elsewhere:
        client.chat.completions.create(model="whisper-1", messages=HELLO)
    assert elsewhere.value.code == "model_not_eligible"
    assert elsewhere.value.param == "model"
    assert "gpt-4o-2024-08-06" in elsewhere.value.message


@BOTH
def test_a_stream_arrives_in_pieces_and_usage_only_when_asked_for(
    up: RunningUp, keys: dict[str, str], code: str
) -> None:
    client = up.client(code, keys[code])
    asked: Any = {"model": "gpt-4o-mini", "messages": HELLO, "max_tokens": 12, "seed": 7, "temperature": 0}
    plain = list(client.chat.completions.create(**asked, stream=True))
    assert plain[0].choices[0].delta.role == "assistant"
    assert plain[-1].choices[0].finish_reason in {"stop", "length"}
    assert all(chunk.choices and chunk.usage is None for chunk in plain)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in plain)
    counted = list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    assert counted[-1].choices == []
    assert counted[-1].usage.total_tokens > 0
    assert text == client.chat.completions.create(**asked).choices[0].message.content


@BOTH
@pytest.mark.contract("C28")
def test_a_strict_schema_is_kept(up: RunningUp, keys: dict[str, str], code: str) -> None:
    answer = up.client(code, keys[code]).chat.completions.create(
        model="gpt-4o-2024-08-06",
        messages=[{"role": "user", "content": "Where is the Eiffel tower?"}],
        response_format={"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA, "strict": True}},
        max_tokens=64,
        temperature=0,
    )
    place = json.loads(answer.choices[0].message.content or "")
    assert set(place) == {"city", "country"}
    assert place["country"] in {"France", "Spain"}


@pytest.mark.contract("C28")
def test_a_schema_that_cannot_be_enforced_is_refused_not_ignored(up: RunningUp, keys: dict[str, str]) -> None:
    hostile: Any = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(?!x)y$"}}, "required": ["a"]}
    with pytest.raises(BadRequestError) as caught:
        up.client("eu", keys["eu"]).chat.completions.create(
            model="gpt-4o",
            messages=HELLO,
            response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": hostile, "strict": True}},
        )
    assert caught.value.code == "invalid_json_schema"


@BOTH
def test_tools_are_called(up: RunningUp, keys: dict[str, str], code: str) -> None:
    client = up.client(code, keys[code])
    asked: Any = [{"role": "user", "content": "What is the weather in Paris?"}]
    choices: tuple[Any, ...] = ("required", {"type": "function", "function": {"name": "get_weather"}})
    for choice in choices:
        answer = client.chat.completions.create(
            model="gpt-4o",
            messages=asked,
            tools=[WEATHER],
            tool_choice=choice,
            parallel_tool_calls=False,
            max_tokens=64,
            temperature=0,
        ).choices[0]
        assert answer.finish_reason in {"tool_calls", "stop"}
        assert answer.message.tool_calls is not None
        call = answer.message.tool_calls[0]
        assert call.type == "function"
        assert call.function.name == "get_weather"
        assert json.loads(call.function.arguments)["city"] in {"Paris", "Madrid"}


@pytest.mark.contract("C03")
@pytest.mark.contract("C29")
@pytest.mark.parametrize(("code", "expected"), [("us", "modality_not_supported"), ("eu", "enhanced_zdr_required")])
def test_text_is_served_and_an_image_is_refused_with_the_reason(
    up: RunningUp, keys: dict[str, str], code: str, expected: str
) -> None:
    client = up.client(code, keys[code])
    text: Any = {"type": "text", "text": "Say hello."}
    served = client.chat.completions.create(
        model="gpt-4o",
        messages=[{"role": "user", "content": [text]}],
        max_tokens=4,
    )
    assert served.choices[0].message.content is not None
    image: Any = {"type": "image_url", "image_url": {"url": PNG_URL}}
    with pytest.raises(BadRequestError) as caught:
        client.chat.completions.create(
            model="gpt-4o",
            messages=[{"role": "user", "content": [text, image]}],
        )
    assert caught.value.code == expected


def test_another_tenants_identical_prompt_shows_no_cached_tokens(up: RunningUp) -> None:
    prompt: Any = [{"role": "user", "content": "Tell me about the history of tea. " * 20}]

    def cached(secret: str) -> int:
        answer = up.client("eu", secret).chat.completions.create(
            model="gpt-4o",
            messages=prompt,
            max_tokens=2,
        )
        assert answer.usage is not None
        assert answer.usage.prompt_tokens_details is not None
        return answer.usage.prompt_tokens_details.cached_tokens or 0

    first, second = up.new_key("eu").secret, up.new_key("eu").secret
    assert cached(first) == 0
    assert cached(first) > 0, "a tenant's own cache works, so the next line means something"
    assert cached(second) == 0


@BOTH
def test_a_prompt_that_is_too_long_is_refused_before_it_runs(up: RunningUp, keys: dict[str, str], code: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        up.client(code, keys[code]).chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": "word " * 20000}]
        )
    assert caught.value.code == "context_length_exceeded"


@pytest.mark.parametrize(
    ("extra", "code", "param"),
    [
        ({"no_such": 1}, "unknown_parameter", "no_such"),
        ({"store": True}, "store_not_allowed", "store"),
        ({"web_search_options": {}}, "unsupported_parameter", "web_search_options"),
        ({"reasoning_effort": "low"}, "unsupported_parameter", "reasoning_effort"),
        ({"temperature": 3}, "invalid_value", "temperature"),
        ({"n": "two"}, "invalid_type", "n"),
    ],
)
def test_a_parameter_is_served_or_refused_never_ignored(
    up: RunningUp, keys: dict[str, str], extra: dict[str, object], code: str, param: str
) -> None:
    with pytest.raises(BadRequestError) as caught:
        up.client("eu", keys["eu"]).chat.completions.create(
            model="gpt-4o",
            messages=HELLO,
            extra_body=extra,
        )
    assert (caught.value.code, caught.value.param) == (code, param)
