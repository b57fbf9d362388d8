"""Completion requests beyond their types, and answers as the specification has them."""

import json
from typing import Any

import msgspec
import pytest

from domicile.kernel.errors import DomicileError
from domicile.openai_api.completions import (
    CompletionRequest,
    check_completion_request,
    decode_reply,
    encode_chunk,
    encode_completion,
    encode_for_engine,
)


def request(prompt: Any = "a", **members: Any) -> CompletionRequest:
    return msgspec.convert({"model": "m", "prompt": prompt, **members}, CompletionRequest)


def reply(reason: str | None = "stop", **members: Any) -> bytes:
    choice = {"index": 0, "text": "b", "logprobs": None, "finish_reason": reason, "stop_reason": "private"}
    return json.dumps({"id": "c", "created": 1, "model": "engine's", "choices": [choice], **members}).encode()


@pytest.mark.parametrize("prompt", ["", "a", None, ["a", ""], [1, 2], [[1], [2, 3]]])
def test_each_kind_of_prompt_is_taken_and_sent_as_it_came(prompt: Any) -> None:
    asked = request(prompt, suffix=None, user="somebody", stream_options=None)
    check_completion_request(asked)
    sent = json.loads(encode_for_engine(asked, model="engine's", cache_salt="s", priority=3))
    assert sent == {
        **{"model": "engine's", "prompt": prompt, "stream": False},
        **{"cache_salt": "s", "priority": 3},
    }


def test_the_usage_of_a_stream_is_always_asked_for() -> None:
    sent = json.loads(encode_for_engine(request(stream=True), model="m"))
    assert sent == {"model": "m", "prompt": "a", "stream": True, "stream_options": {"include_usage": True}}


@pytest.mark.parametrize(
    ("prompt", "members", "param"),
    [
        (["a", 1], {}, "prompt[1]"),
        ([[1], []], {}, "prompt[1]"),
        (["a"] * 2049, {}, "prompt"),
        ("a", {"n": 3, "best_of": 2}, "best_of"),
        ("a", {"best_of": 0}, "best_of"),
        # Each of the two within its own bound.
        (["a"] * 1025, {"n": 2}, "prompt"),
        (["a"] * 128, {"best_of": 17}, "prompt"),
        ([[1]] * 17, {"n": 128}, "prompt"),
        ("a", {"best_of": 2, "stream": True}, "best_of"),
        ("a", {"stream_options": {}}, "stream_options"),
    ],
)
def test_a_request_that_contradicts_itself_names_the_member(prompt: Any, members: Any, param: str) -> None:
    if param == "stream_options":
        members = {"stream_options": {"include_usage": True}}
    with pytest.raises(DomicileError) as caught:
        check_completion_request(request(prompt, **members))
    assert caught.value.param == param


@pytest.mark.parametrize(("reason", "shown"), [("length", "length"), ("eos", "stop"), (None, "stop")])
def test_a_whole_answer_has_the_specifications_members_and_reasons(reason: str | None, shown: str) -> None:
    body = encode_completion(decode_reply(reply(reason, engine_private=1, usage=None)), model="shown")
    assert json.loads(body) == {
        "id": "c",
        "object": "text_completion",
        "created": 1,
        "model": "shown",
        "choices": [{"index": 0, "text": "b", "logprobs": None, "finish_reason": shown}],
    }


@pytest.mark.parametrize("include_usage", [True, False])
def test_a_chunk_that_goes_on_has_no_reason_and_usage_only_if_asked_for(include_usage: bool) -> None:
    used = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    for given, usage in ((None, None), (used, used)):
        chunk = decode_reply(reply(None, usage=given))
        shown = json.loads(encode_chunk(chunk, model="shown", include_usage=include_usage))
        assert shown["choices"][0]["finish_reason"] is None
        assert shown.get("usage", "none") == (usage if include_usage else "none")


def test_logprobs_pass_as_they_are() -> None:
    logprobs = {
        "text_offset": [0, 1],
        "token_logprobs": [None, -0.5],
        "tokens": ["a", "b"],
        "top_logprobs": [None, {"b": -0.5}],
    }
    choice = {"index": 0, "text": "ab", "finish_reason": "stop", "logprobs": {**logprobs, "private": 1}}
    shown = json.loads(encode_completion(decode_reply(reply(choices=[choice])), model="m"))
    assert shown["choices"][0]["logprobs"] == logprobs
