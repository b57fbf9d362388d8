"""What an official client hands out, it may hand back: every shape of an answer is taken as a later request's history."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ParsedChatCompletion
from pydantic import BaseModel

from domicile.catalogue.catalogue import load_catalogue
from domicile.catalogue.endpoints import Endpoint
from domicile.openai_api import chat_reply
from domicile.openai_api.chat import ChatCompletionRequest, encode_for_engine
from domicile.openai_api.chat_rules import check_chat_request
from domicile.web.bodies.dropped_members import DroppedMembers
from domicile.web.bodies.tolerant_json import Decoded, decode_dropping

DROPPED = DroppedMembers(load_catalogue().parameters[Endpoint.CHAT_COMPLETIONS].dropped)
CALLS = [
    {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"city":"Bern"}'}},
    {"id": "call_2", "type": "function", "function": {"name": "look", "arguments": '{"city":"Ro'}},
]

# Answers of ours, whatever they were cut by.
ANSWERS: dict[str, tuple[dict[str, Any], str]] = {
    "text": ({"content": "Hello"}, "stop"),
    "json": ({"content": '{"city":"Bern"}'}, "stop"),
    "cut text": ({"content": "Hel"}, "length"),
    "cut before the first word": ({"content": None}, "length"),
    "empty": ({"content": ""}, "stop"),
    "refusal": ({"content": None, "refusal": "No."}, "stop"),
    "filtered": ({"content": None}, "content_filter"),
    "call": ({"content": None, "tool_calls": CALLS[:1]}, "tool_calls"),
    "cut call": ({"content": None, "tool_calls": CALLS}, "length"),
    "text and call": ({"content": "Wait.", "tool_calls": CALLS[:1]}, "tool_calls"),
    "legacy call": ({"content": None, "function_call": {"name": "look", "arguments": "{}"}}, "function_call"),
    "annotated": (
        {
            "content": "See there.",
            "annotations": [
                {
                    "type": "url_citation",
                    "url_citation": {"start_index": 0, "end_index": 3, "url": "https://example.com", "title": "x"},
                }
            ],
        },
        "stop",
    ),
}


class City(BaseModel):
    """What the parsed answers are."""

    city: str


def whole(message: dict[str, Any], reason: str) -> bytes:
    """An answer of ours as it goes out."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}
    reply = {"id": "c", "created": 1, "model": "m", "choices": [choice]}
    return chat_reply.encode_completion(chat_reply.decode_completion(json.dumps(reply).encode()), model="gpt-4o")


def streamed(message: dict[str, Any], reason: str) -> Iterator[bytes]:
    """The same in pieces: the engine's first says the role, the next all else."""
    calls = [{"index": index, **call} for index, call in enumerate(message.get("tool_calls", ()))]
    delta = {
        name: value for name, value in message.items() if name in {"content", "refusal", "function_call"} and value
    }
    if calls:
        delta["tool_calls"] = calls
    for piece, ending in (({"role": "assistant", "content": ""}, None), (delta, None), ({}, reason)):
        choice = {"index": 0, "delta": piece, "finish_reason": ending}
        chunk = {"id": "c", "created": 1, "model": "m", "choices": [choice]}
        read = chat_reply.decode_chunk(json.dumps(chunk).encode())
        yield chat_reply.encode_chunk(read, model="gpt-4o", include_usage=False)


def create(message: dict[str, Any], reason: str) -> Any:
    """What `create()` returns."""
    return ChatCompletion.model_validate_json(whole(message, reason)).choices[0].message


def parse(message: dict[str, Any], reason: str) -> Any:
    """What `parse()` returns: with parsed members beside the text."""
    value = json.loads(whole(message, reason))
    shown = value["choices"][0]["message"]
    shown["parsed"] = {"city": "Bern"}
    for call in shown.get("tool_calls") or ():
        call["function"]["parsed_arguments"] = {"city": "Bern"}
    return ParsedChatCompletion[City].model_validate(value).choices[0].message


def stream(message: dict[str, Any], reason: str) -> Any:
    """What `stream()` has added up at its end."""
    state = ChatCompletionStreamState()
    for chunk in streamed(message, reason):
        list(state.handle_chunk(ChatCompletionChunk.model_validate_json(chunk)))
    return state.current_completion_snapshot.choices[0].message


DUMPS: dict[str, Callable[[BaseModel], Any]] = {
    "model_dump": lambda message: message.model_dump(),
    "model_dump json": lambda message: message.model_dump(mode="json"),
    "model_dump without None": lambda message: message.model_dump(exclude_none=True),
    "model_dump without unset": lambda message: message.model_dump(exclude_unset=True),
    "to_dict": lambda message: message.to_dict(),  # type: ignore[attr-defined]
    "to_json": lambda message: json.loads(message.to_json()),  # type: ignore[attr-defined]
}


def history(said: dict[str, Any]) -> bytes:
    asked = [{"role": "user", "content": "Hello"}, said]
    asked += [{"role": "tool", "tool_call_id": call["id"], "content": "x"} for call in said.get("tool_calls") or ()]
    return json.dumps({"model": "gpt-4o", "messages": [*asked, {"role": "user", "content": "And now?"}]}).encode()


def read(body: bytes) -> Decoded[ChatCompletionRequest]:
    decoded = decode_dropping(body, ChatCompletionRequest, DROPPED)
    check_chat_request(decoded.value)
    return decoded


@pytest.mark.parametrize("dump", DUMPS)
@pytest.mark.parametrize("made_by", [create, parse, stream], ids=lambda made_by: made_by.__name__)
@pytest.mark.parametrize("answer", ANSWERS)
def test_every_answer_of_an_official_client_is_taken_back(answer: str, made_by: Any, dump: str) -> None:
    message, reason = ANSWERS[answer]
    decoded = read(history(DUMPS[dump](made_by(message, reason))))
    sent = json.loads(encode_for_engine(decoded.value, model="m"))["messages"][1]
    # What the model said reaches the engine, and nothing else does.
    assert sent.keys() <= {"role", "content", "refusal", "tool_calls", "function_call"}
    assert (sent.get("content") or "") == (message.get("content") or "")
    assert sent.get("tool_calls") == message.get("tool_calls")
    assert sent.get("function_call") == message.get("function_call")
    assert sent.get("refusal") == message.get("refusal")
    if "tool_calls" not in sent and "function_call" not in sent:
        assert sent["content"] is not None


@pytest.mark.parametrize("answer", ANSWERS)
def test_our_own_answers_are_taken_back_as_they_are(answer: str) -> None:
    message = json.loads(whole(*ANSWERS[answer]))["choices"][0]["message"]
    decoded = read(history(message))
    assert decoded.dropped == ({"messages[].annotations"} if "annotations" in message else set())


def test_a_call_begins_with_null_for_content() -> None:
    """Typed clients look for `content` where OpenAI sends it: with the role, and with a call's name."""
    call = {"index": 0, **CALLS[0]}
    for delta in ({"role": "assistant"}, {"role": "assistant", "tool_calls": [call]}, {"tool_calls": [call]}):
        chunk = {"id": "c", "created": 1, "model": "m", "choices": [{"index": 0, "delta": delta}]}
        shown = chat_reply.encode_chunk(
            chat_reply.decode_chunk(json.dumps(chunk).encode()), model="gpt-4o", include_usage=False
        )
        assert json.loads(shown)["choices"][0]["delta"] == {**delta, "content": None}
    for delta in ({"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}, {"content": "x"}, {}):
        chunk = {"id": "c", "created": 1, "model": "m", "choices": [{"index": 0, "delta": delta}]}
        shown = chat_reply.encode_chunk(
            chat_reply.decode_chunk(json.dumps(chunk).encode()), model="gpt-4o", include_usage=False
        )
        assert json.loads(shown)["choices"][0]["delta"] == delta
