"""What the engine answers, read by the official SDK."""

import json
from typing import Any

import openai
import pytest
from tests.contract.engine.conftest import MODEL, EngineProcess

_WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Current weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 20}, "unit": {"enum": ["c", "f"]}},
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}
_MAIL: Any = {
    "type": "function",
    "function": {
        "name": "send_mail",
        "description": "Send an e-mail",
        "parameters": {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]},
    },
}
_PERSON: Any = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 20},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 1, "maxItems": 2},
    },
    "required": ["name", "age", "tags"],
    "additionalProperties": False,
}


def _ask(text: str) -> Any:
    return [{"role": "user", "content": text}]


def test_an_answer_has_openais_shape_and_nothing_else(engine: EngineProcess) -> None:
    answer = engine.chat("What is 2+2?", max_tokens=8).json()
    assert set(answer) == {"id", "object", "created", "model", "system_fingerprint", "choices", "usage"}
    assert answer["id"].startswith("chatcmpl-")
    assert answer["object"] == "chat.completion"
    assert answer["model"] == MODEL
    (choice,) = answer["choices"]
    assert set(choice) == {"index", "message", "logprobs", "finish_reason"}
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["content"]
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 0


def test_the_token_limit_ends_an_answer_exactly(engine: EngineProcess) -> None:
    answer = engine.chat("Write a long story.", max_completion_tokens=7).json()
    assert answer["usage"]["completion_tokens"] == 7
    assert answer["choices"][0]["finish_reason"] == "length"


def test_a_stream_tells_the_same_as_a_whole_answer(sdk: openai.OpenAI, engine: EngineProcess) -> None:
    whole = engine.chat("Name three animals.", max_tokens=24).json()
    chunks = list(
        sdk.chat.completions.create(
            model=MODEL,
            messages=_ask("Name three animals."),
            temperature=0,
            max_tokens=24,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert chunks[0].choices[0].delta.role == "assistant"
    *_, final, usage = chunks
    assert final.choices[0].delta.content is None
    assert final.choices[0].finish_reason == whole["choices"][0]["finish_reason"]
    assert usage.choices == []
    assert usage.usage is not None
    assert usage.usage.completion_tokens == whole["usage"]["completion_tokens"]
    assert all(chunk.usage is None for chunk in chunks[:-1])
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1])
    assert text == whole["choices"][0]["message"]["content"]
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_stream_carries_usage_only_when_asked_and_ends_with_done(engine: EngineProcess) -> None:
    lines = [line for line in engine.chat(max_tokens=3, stream=True).text.split("\n\n") if line]
    assert lines[-1] == "data: [DONE]"
    assert all("usage" not in json.loads(line.removeprefix("data: ")) for line in lines[:-1])


def test_several_choices_are_streamed_side_by_side(sdk: openai.OpenAI) -> None:
    stream = sdk.chat.completions.create(
        model=MODEL, messages=_ask("Tell me a story."), n=5, temperature=1.2, max_tokens=8, seed=3, stream=True
    )
    texts: dict[int, str] = {}
    finished: list[int] = []
    for chunk in stream:
        (choice,) = chunk.choices
        texts[choice.index] = texts.get(choice.index, "") + (choice.delta.content or "")
        if choice.finish_reason:
            finished.append(choice.index)
    assert sorted(finished) == sorted(texts) == [0, 1, 2, 3, 4]
    assert len(set(texts.values())) > 1


def test_a_seed_makes_a_hot_answer_repeatable(engine: EngineProcess) -> None:
    def text(seed: int) -> str:
        answer = engine.chat("Tell me a story.", temperature=1.5, seed=seed, max_tokens=16).json()
        return str(answer["choices"][0]["message"]["content"])

    assert text(5) == text(5)
    assert text(5) != text(6)


def test_a_stop_sequence_ends_the_answer_and_is_not_shown(engine: EngineProcess) -> None:
    shape = {"type": "json_schema", "json_schema": {"name": "t", "schema": {"const": "alpha beta gamma"}}}
    # A constant shows exactly where the cut is; `stop` is found inside words and across tokens.
    whole = engine.chat(response_format=shape, stop=["eta ga"]).json()
    assert whole["choices"][0]["message"]["content"] == '"alpha b'
    assert whole["choices"][0]["finish_reason"] == "stop"
    lines = engine.chat(response_format=shape, stop="eta ga", stream=True).text.split("\n\n")[:-2]
    deltas = [json.loads(line.removeprefix("data: "))["choices"][0]["delta"] for line in lines]
    assert "".join(delta.get("content", "") for delta in deltas) == '"alpha b'


def test_log_probabilities_have_openais_shape(sdk: openai.OpenAI) -> None:
    answer = sdk.chat.completions.create(
        model=MODEL, messages=_ask("Hi"), temperature=0, max_tokens=4, logprobs=True, top_logprobs=3
    )
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert "".join(entry.token for entry in logprobs.content) == answer.choices[0].message.content
    for entry in logprobs.content:
        assert entry.logprob <= 0
        assert entry.bytes == list(entry.token.encode())
        assert len(entry.top_logprobs) == 3
        assert entry.top_logprobs[0].logprob >= entry.logprob


def test_characters_of_several_tokens_stay_whole(engine: EngineProcess) -> None:
    text = "日本語 😀 ꙮ"
    shape = {"type": "json_schema", "json_schema": {"name": "t", "schema": {"const": text}}}
    lines = engine.chat(response_format=shape, stream=True).text.split("\n\n")[:-2]
    shown = "".join(json.loads(line.removeprefix("data: "))["choices"][0]["delta"].get("content", "") for line in lines)
    assert json.loads(shown) == text
    assert "\ufffd" not in "".join(lines)


def test_a_strict_schema_is_kept_even_when_the_model_is_hot(engine: EngineProcess) -> None:
    shape = {"type": "json_schema", "json_schema": {"name": "person", "strict": True, "schema": _PERSON}}
    for seed in range(3):
        answer = engine.chat("A person, please.", response_format=shape, temperature=2, seed=seed, max_tokens=200)
        choice = answer.json()["choices"][0]
        assert choice["finish_reason"] == "stop"
        person = json.loads(choice["message"]["content"])
        assert list(person) == ["name", "age", "tags"]
        assert 0 <= person["age"] <= 120
        assert set(person["tags"]) <= {"a", "b"}


def test_any_json_object_is_an_object(engine: EngineProcess) -> None:
    answer = engine.chat("A JSON object.", response_format={"type": "json_object"}, max_tokens=60).json()
    content = answer["choices"][0]["message"]["content"]
    assert content.startswith("{")
    if answer["choices"][0]["finish_reason"] == "stop":
        assert isinstance(json.loads(content), dict)


@pytest.mark.parametrize(
    "choice", ["required", {"type": "function", "function": {"name": "get_weather"}}], ids=["required", "named"]
)
def test_a_demanded_call_is_made(sdk: openai.OpenAI, choice: Any) -> None:
    answer = sdk.chat.completions.create(
        model=MODEL,
        messages=_ask("What is the weather in Paris?"),
        tools=[_WEATHER] if choice == "required" else [_MAIL, _WEATHER],
        tool_choice=choice,
        parallel_tool_calls=False,
        temperature=0,
    )
    (made,) = answer.choices
    assert made.finish_reason == "tool_calls"
    assert made.message.content is None
    assert made.message.tool_calls is not None
    (call,) = made.message.tool_calls
    assert call.type == "function"
    assert call.id.startswith("call_")
    assert call.function.name == "get_weather"
    assert set(json.loads(call.function.arguments)) == {"city", "unit"}


def test_without_demand_the_model_may_answer_in_words(engine: EngineProcess) -> None:
    for choice in ("none", "auto"):
        answer = engine.chat("What is 2+2?", tools=[_WEATHER, _MAIL], tool_choice=choice, max_tokens=10).json()
        assert answer["choices"][0]["message"]["content"]
        assert "tool_calls" not in answer["choices"][0]["message"]
    called = engine.chat("Send a mail to Bob.", tools=[_WEATHER, _MAIL], parallel_tool_calls=False).json()
    (call,) = called["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == "send_mail"


def test_after_a_tools_result_the_model_answers_with_it(engine: EngineProcess) -> None:
    cases = (
        ("What is the weather in Paris?", "get_weather", '{"city": "Paris"}', "18 degrees, light rain", "rain"),
        ("What is 17 times 23?", "calculator", '{"expression": "17*23"}', "391", "391"),
        (
            "When does the next train to Berlin leave?",
            "next_train",
            '{"to": "Berlin"}',
            "09:45 from platform 7",
            "9:45",
        ),
        ("What time is it in Tokyo?", "get_time", '{"city": "Tokyo"}', "14:32", "14:32"),
    )
    answered = 0
    for question, name, arguments, result, fact in cases:
        call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}
        messages = [
            {"role": "user", "content": question},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": result},
        ]
        answer = engine.chat(messages=messages, max_tokens=40).json()["choices"][0]["message"]["content"]
        assert '"arguments"' not in answer
        assert "Calling the tool" not in answer
        answered += fact in answer
    assert answered >= 3


def test_parallel_calls_each_keep_their_schema(engine: EngineProcess) -> None:
    answer = engine.chat("Weather in Paris and Rome?", tools=[_WEATHER], tool_choice="required", n=2).json()
    for choice in answer["choices"]:
        assert choice["finish_reason"] == "tool_calls"
        calls = choice["message"]["tool_calls"]
        assert 1 <= len(calls) <= 4
        assert len({call["id"] for call in calls}) == len(calls)
        for call in calls:
            assert set(json.loads(call["function"]["arguments"])) == {"city", "unit"}


def test_calls_are_streamed_in_fragments_for_every_choice(sdk: openai.OpenAI) -> None:
    stream = sdk.chat.completions.create(
        model=MODEL,
        messages=_ask("Weather in Oslo?"),
        tools=[_WEATHER],
        tool_choice="required",
        parallel_tool_calls=False,
        n=2,
        temperature=0,
        stream=True,
    )
    calls: dict[int, dict[str, str]] = {}
    fragments = 0
    reasons = []
    for chunk in stream:
        (choice,) = chunk.choices
        if choice.finish_reason:
            reasons.append(choice.finish_reason)
        for part in choice.delta.tool_calls or []:
            assert part.index == 0
            assert part.function is not None
            call = calls.setdefault(choice.index, {"arguments": ""})
            if part.id:
                call |= {"id": part.id, "name": part.function.name or ""}
            call["arguments"] += part.function.arguments or ""
            fragments += 1
    assert reasons == ["tool_calls", "tool_calls"]
    assert fragments > 4
    assert [call["name"] for call in calls.values()] == ["get_weather", "get_weather"]
    for call in calls.values():
        json.loads(call["arguments"])


@pytest.mark.parametrize("temperature", [0, 1])
@pytest.mark.parametrize(
    "schema",
    [
        {
            "type": "object",
            "properties": {"setup": {"type": "string"}, "punchline": {"type": "string"}},
            "required": ["setup", "punchline"],
        },
        {"type": "array", "items": {"type": "number"}, "minItems": 3},
        {"type": "object", "additionalProperties": {"type": "string"}},
    ],
    ids=["joke", "numbers", "dictionary"],
)
def test_structured_output_ends_by_itself(engine: EngineProcess, schema: Any, temperature: int) -> None:
    shape = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}
    answer = engine.chat("Tell me a joke.", response_format=shape, temperature=temperature, seed=1, max_tokens=1500)
    (choice,) = answer.json()["choices"]
    assert choice["finish_reason"] == "stop"
    json.loads(choice["message"]["content"])


@pytest.mark.parametrize("function", [{"name": "get_time"}, {"name": "get_time", "parameters": {"type": "object"}}])
def test_a_function_without_parameters_is_called_with_none(engine: EngineProcess, function: Any) -> None:
    tool = {"type": "function", "function": function}
    (choice,) = engine.chat("What time is it?", tools=[tool], tool_choice="required").json()["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_a_call_cut_by_the_limit_is_shown_alike_whole_and_streamed_and_taken_back(sdk: openai.OpenAI) -> None:
    asked: Any = {
        "model": MODEL,
        "messages": _ask("Weather?"),
        "tools": [_WEATHER],
        "tool_choice": "required",
        "temperature": 0,
        "max_tokens": 4,
    }
    answer = sdk.chat.completions.create(**asked)
    (choice,) = answer.choices
    assert choice.finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 4
    assert choice.message.tool_calls is not None
    (call,) = choice.message.tool_calls
    assert call.type == "function"
    streamed = ""
    for chunk in sdk.chat.completions.create(**asked, stream=True):
        for part in chunk.choices[0].delta.tool_calls or []:
            assert part.function is not None
            streamed += part.function.arguments or ""
    assert streamed == call.function.arguments
    with pytest.raises(json.JSONDecodeError):
        json.loads(streamed)
    history = [*asked["messages"], choice.message.model_dump(exclude_none=True), *_ask("Go on.")]
    assert sdk.chat.completions.create(model=MODEL, messages=history, max_tokens=4).choices


def test_legacy_functions_are_called_the_legacy_way(engine: EngineProcess) -> None:
    function = {name: _WEATHER["function"][name] for name in ("name", "description", "parameters")}
    members: Any = {"functions": [function], "function_call": {"name": "get_weather"}}
    choice = engine.chat("Weather in Rome?", **members).json()["choices"][0]
    assert choice["finish_reason"] == "function_call"
    assert choice["message"]["function_call"]["name"] == "get_weather"
    lines = engine.chat("Weather in Rome?", stream=True, **members).text.split("\n\n")[:-2]
    deltas = [json.loads(line.removeprefix("data: "))["choices"][0]["delta"] for line in lines]
    parts = [delta["function_call"] for delta in deltas if "function_call" in delta]
    assert parts[0]["name"] == "get_weather"
    assert "".join(part["arguments"] for part in parts) == choice["message"]["function_call"]["arguments"]
