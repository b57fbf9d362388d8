"""The official Python SDK: every helper for chat, and what each hands out sent back as history."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI, pydantic_function_tool
from openai.types.chat import ChatCompletion, ChatCompletionMessage

from tests.e2e.clients.conversation import (
    CHAT_MODEL,
    EMBEDDING_MODEL,
    ENOUGH_TOKENS,
    FEW_TOKENS,
    QUESTION,
    RESULT,
    WEATHER_TOOL,
    GetWeather,
    Place,
)
from tests.e2e.conftest import RunningUp
from tests.platform.installation import IssuedKey

USER: Any = {"role": "user", "content": QUESTION}
CHAT: Any = {"model": CHAT_MODEL, "messages": [USER], "max_completion_tokens": FEW_TOKENS}
CALL: Any = {"model": CHAT_MODEL, "messages": [USER], "tool_choice": "required", "max_completion_tokens": ENOUGH_TOKENS}
DOCUMENT: Any = {"model": CHAT_MODEL, "messages": [USER], "max_completion_tokens": ENOUGH_TOKENS}
# What the SDK adds to the messages that it hands out; the platform reads it, forwards nothing of it and names it.
PARSED_ARGUMENTS = "messages[].tool_calls[].function.parsed_arguments"
INDEX = "messages[].tool_calls[].index"


@pytest.fixture
def client(up: RunningUp, eu_key: IssuedKey) -> OpenAI:
    return up.client("eu", eu_key.secret)


@pytest.fixture
def async_client(up: RunningUp, eu_key: IssuedKey) -> AsyncOpenAI:
    return AsyncOpenAI(api_key=eu_key.secret, base_url=up.region_url("eu"), max_retries=0)


def created(client: OpenAI) -> ChatCompletionMessage:
    completion: ChatCompletion = client.chat.completions.create(**CALL, tools=[WEATHER_TOOL])
    return completion.choices[0].message


def parsed(client: OpenAI) -> ChatCompletionMessage:
    tool = pydantic_function_tool(GetWeather, name="get_weather")
    return client.chat.completions.parse(**CALL, tools=[tool]).choices[0].message


def streamed(client: OpenAI) -> ChatCompletionMessage:
    tool = pydantic_function_tool(GetWeather, name="get_weather")
    with client.chat.completions.stream(**CALL, tools=[tool]) as stream:
        return stream.get_final_completion().choices[0].message


def summed(client: OpenAI) -> dict[str, Any]:
    """The chunks of a plain stream added up by hand, as many programs do: with the index of each call, and without a type."""
    calls: dict[int, dict[str, Any]] = {}
    for chunk in client.chat.completions.create(**CALL, tools=[WEATHER_TOOL], stream=True):
        for delta in (chunk.choices[0].delta.tool_calls or []) if chunk.choices else []:
            call = calls.setdefault(delta.index, delta.model_dump() | {"function": {"name": "", "arguments": ""}})
            assert delta.function is not None
            call["function"]["name"] += delta.function.name or ""
            call["function"]["arguments"] += delta.function.arguments or ""
    return {"role": "assistant", "content": None, "tool_calls": list(calls.values())}


def as_object(message: ChatCompletionMessage) -> Any:
    return message


def as_dump(message: ChatCompletionMessage) -> Any:
    return message.model_dump()


def as_dict(message: ChatCompletionMessage) -> Any:
    return message.to_dict()


@pytest.mark.parametrize("handed_back", [as_object, as_dump, as_dict])
@pytest.mark.parametrize(
    ("made", "ignored"),
    [(created, None), (parsed, PARSED_ARGUMENTS), (streamed, f"{PARSED_ARGUMENTS}, {INDEX}")],
)
def test_a_call_of_a_tool_is_sent_back_and_answered(
    client: OpenAI,
    made: Callable[[OpenAI], ChatCompletionMessage],
    ignored: str | None,
    handed_back: Callable[[ChatCompletionMessage], Any],
) -> None:
    message = made(client)
    assert message.tool_calls
    assert message.tool_calls[0].type == "function"
    assert json.loads(message.tool_calls[0].function.arguments)["city"] in {"Paris", "Madrid"}
    assert second_turn(client, handed_back(message), message.tool_calls[0].id) == ignored


def test_a_call_that_a_program_adds_up_from_chunks_is_sent_back_and_answered(client: OpenAI) -> None:
    message = summed(client)
    (call,) = message["tool_calls"]
    assert json.loads(call["function"]["arguments"])["city"] in {"Paris", "Madrid"}
    assert second_turn(client, message, call["id"]) == INDEX


def second_turn(client: OpenAI, message: Any, call_id: str) -> str | None:
    """Sends the call and its result, which the model answers with a text. Returns what the platform named as ignored."""
    result: Any = {"role": "tool", "tool_call_id": call_id, "content": RESULT}
    raw = client.chat.completions.with_raw_response.create(
        model=CHAT_MODEL,
        messages=[USER, message, result],
        tools=[WEATHER_TOOL],
        tool_choice="none",
        max_completion_tokens=FEW_TOKENS,
    )
    assert raw.parse().choices[0].message.content
    return raw.headers.get("domicile-ignored")


# The SDK types `parsed` as null, so pydantic warns when a message that has one is dumped.
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@pytest.mark.parametrize("handed_back", [as_object, as_dump, as_dict])
def test_a_document_is_parsed_and_sent_back(
    client: OpenAI, handed_back: Callable[[ChatCompletionMessage], Any]
) -> None:
    message = client.chat.completions.parse(**DOCUMENT, response_format=Place).choices[0].message
    assert isinstance(message.parsed, Place)
    raw = client.chat.completions.with_raw_response.create(**CHAT | {"messages": [USER, handed_back(message), USER]})
    assert raw.parse().choices[0].message.content
    assert raw.headers["domicile-ignored"] == "messages[].parsed"


def test_raw_answers_carry_headers_whole_and_streamed(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(**CHAT)
    assert raw.headers["domicile-engine"] == "smollm2-135m-instruct"
    assert raw.headers["x-request-id"] == raw.request_id
    completion = raw.parse()
    assert isinstance(completion, ChatCompletion)
    assert completion._request_id == raw.request_id
    with client.chat.completions.with_streaming_response.create(**CHAT, stream=True) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in response.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"


def test_the_events_of_a_stream_add_up_to_its_final_completion(client: OpenAI) -> None:
    # The SDK raises for an answer that the token limit cuts, so this one ends at its first mark.
    asked: Any = {"max_completion_tokens": ENOUGH_TOKENS, "stop": [".", ",", "!"], "temperature": 0}
    with client.chat.completions.stream(**CHAT | asked, stream_options={"include_usage": True}) as stream:
        events = list(stream)
        completion = stream.get_final_completion()
    kinds = {event.type for event in events}
    assert {"chunk", "content.delta", "content.done"} <= kinds
    text = "".join(event.delta for event in events if event.type == "content.delta")
    assert completion.choices[0].message.content == text
    assert completion.usage is not None
    assert completion.usage.completion_tokens > 0


def test_the_events_of_a_streamed_call_and_document_are_parsed(client: OpenAI) -> None:
    tool = pydantic_function_tool(GetWeather, name="get_weather")
    with client.chat.completions.stream(**CALL, tools=[tool]) as stream:
        events = list(stream)
    (done,) = [event for event in events if event.type == "tool_calls.function.arguments.done"]
    assert isinstance(done.parsed_arguments, GetWeather)
    deltas = [event.arguments_delta for event in events if event.type == "tool_calls.function.arguments.delta"]
    assert "".join(deltas) == done.arguments
    with client.chat.completions.stream(**DOCUMENT, response_format=Place) as stream:
        (document,) = [event for event in stream if event.type == "content.done"]
    assert isinstance(document.parsed, Place)


def test_embeddings_by_default_and_as_numbers_are_the_same(client: OpenAI) -> None:
    (packed,) = client.embeddings.create(model=EMBEDDING_MODEL, input=QUESTION).data
    (plain,) = client.embeddings.create(model=EMBEDDING_MODEL, input=QUESTION, encoding_format="float").data
    assert packed.embedding == pytest.approx(plain.embedding, abs=1e-6)


async def test_the_asynchronous_client_does_the_same(async_client: AsyncOpenAI) -> None:
    chat = async_client.chat.completions
    tool = pydantic_function_tool(GetWeather, name="get_weather")
    async with async_client:
        assert (await chat.create(**CHAT)).choices[0].message.content
        chunks = [chunk async for chunk in await chat.create(**CHAT, stream=True)]
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        document = await chat.parse(**DOCUMENT, response_format=Place)
        assert isinstance(document.choices[0].message.parsed, Place)
        async with chat.stream(**CALL, tools=[tool]) as stream:
            message = (await stream.get_final_completion()).choices[0].message
        assert message.tool_calls
        result: Any = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": RESULT}
        history: Any = [USER, message, result]
        answer = await chat.create(**CHAT | {"messages": history}, tools=[WEATHER_TOOL], tool_choice="none")
        assert answer.choices[0].message.content
        vectors = await async_client.embeddings.create(model=EMBEDDING_MODEL, input=[QUESTION, RESULT])
        assert [item.index for item in vectors.data] == [0, 1]
