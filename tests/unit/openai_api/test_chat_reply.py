"""Replies: read leniently, written with the members that the specification has and requires, under the asked-for name."""

import json
from typing import Any

import msgspec
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from domicile.openai_api import chat_reply
from domicile.openai_api.chat import ChatCompletionRequest
from domicile.openai_api.models import Answering, Model, ModelList

SNAPSHOT = "gpt-4o-2024-08-06"
# What an engine may add: as seen from vLLM, llama.cpp and Azure.
ENGINE_REPLY: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1700000000,
    "model": "/models/qwen.gguf",
    "prompt_logprobs": None,
    "kv_transfer_params": None,
    "timings": {"prompt_ms": 1},
    "service_tier": None,
    "system_fingerprint": None,
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Hi",
                "refusal": None,
                "annotations": None,
                "audio": None,
                "function_call": None,
                "tool_calls": [],
                "reasoning_content": "secret thoughts",
            },
            "logprobs": None,
            "finish_reason": "stop",
            "stop_reason": None,
            "content_filter_results": {},
        }
    ],
    "usage": {
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "total_tokens": 5,
        "prompt_tokens_details": None,
        "completion_tokens_details": {"reasoning_tokens": 1, "own": 2},
        "queue_time": 0.1,
    },
}
ENGINE_CHUNK: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1700000000,
    "model": "/models/qwen.gguf",
    "timings": {},
    "choices": [
        {
            "index": 0,
            "delta": {"role": "assistant", "content": "", "reasoning_content": None, "function_call": None},
            "logprobs": None,
            "finish_reason": None,
        }
    ],
}


def completion(reply: dict[str, Any], **options: Any) -> dict[str, Any]:
    decoded = chat_reply.decode_completion(json.dumps(reply).encode())
    shown: dict[str, Any] = json.loads(chat_reply.encode_completion(decoded, model=SNAPSHOT, **options))
    ChatCompletion.model_validate(shown)
    return shown


def chunk(value: dict[str, Any], *, include_usage: bool = False, **options: Any) -> dict[str, Any]:
    decoded = chat_reply.decode_chunk(json.dumps(value).encode())
    shown: dict[str, Any] = json.loads(
        chat_reply.encode_chunk(decoded, model=SNAPSHOT, include_usage=include_usage, **options)
    )
    ChatCompletionChunk.model_validate(shown)
    return shown


def test_a_reply_is_named_for_the_snapshot_and_holds_nothing_of_the_engine_s_own() -> None:
    assert completion(ENGINE_REPLY) == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": SNAPSHOT,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi", "refusal": None, "tool_calls": []},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 3,
            "completion_tokens": 2,
            "total_tokens": 5,
            "completion_tokens_details": {"reasoning_tokens": 1},
        },
    }


def test_what_is_required_is_written_though_the_engine_left_it_out() -> None:
    reply = {"id": "x", "created": 1, "model": "m", "choices": [{"index": 0, "message": {}, "finish_reason": None}]}
    assert completion(reply)["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": None, "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]


@pytest.mark.parametrize("reason", ["stop", "length", "tool_calls", "content_filter", "function_call"])
def test_reasons_of_the_specification_pass(reason: str) -> None:
    reply = ENGINE_REPLY | {"choices": [ENGINE_REPLY["choices"][0] | {"finish_reason": reason}]}
    assert completion(reply)["choices"][0]["finish_reason"] == reason
    piece = ENGINE_CHUNK | {"choices": [ENGINE_CHUNK["choices"][0] | {"finish_reason": reason}]}
    assert chunk(piece)["choices"][0]["finish_reason"] == reason


@pytest.mark.parametrize("reason", ["abort", "eos", ""])
def test_an_engine_s_own_reason_becomes_stop(reason: str) -> None:
    first = ENGINE_REPLY["choices"][0]
    reply = ENGINE_REPLY | {
        "choices": [first | {"finish_reason": reason}, first | {"index": 1, "finish_reason": "length"}]
    }
    assert [choice["finish_reason"] for choice in completion(reply)["choices"]] == ["stop", "length"]
    piece = ENGINE_CHUNK["choices"][0]
    pieces = ENGINE_CHUNK | {"choices": [piece | {"finish_reason": reason}, piece | {"index": 1}]}
    assert [choice["finish_reason"] for choice in chunk(pieces)["choices"]] == ["stop", None]


def test_logprobs_and_tool_calls_pass() -> None:
    token = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105]}
    logprobs = {"content": [token | {"top_logprobs": [token | {"id": 5}], "id": 5}], "refusal": None}
    calls = [
        {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}, "own": 1},
        {"id": "2", "type": "custom", "custom": {"name": "g", "input": "x"}},
    ]
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    choice = completion(
        ENGINE_REPLY
        | {"choices": [{"index": 0, "message": message, "logprobs": logprobs, "finish_reason": "tool_calls"}]}
    )["choices"][0]
    assert choice["logprobs"] == {"content": [token | {"top_logprobs": [token]}], "refusal": None}
    assert choice["message"]["tool_calls"] == [
        {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        {"id": "2", "type": "custom", "custom": {"name": "g", "input": "x"}},
    ]


def test_an_answer_can_be_sent_back_as_the_next_request_s_message() -> None:
    shown = completion(ENGINE_REPLY)
    for sent_back in (
        shown["choices"][0]["message"],
        ChatCompletion.model_validate(shown).choices[0].message.model_dump(),
        ChatCompletion.model_validate(shown).choices[0].message.model_dump(exclude_unset=True),
    ):
        request = msgspec.convert({"model": "gpt-4o", "messages": [sent_back]}, ChatCompletionRequest)
        assert request.messages[0].content == "Hi"


@pytest.mark.contract("C19")
def test_the_tier_is_the_one_that_was_used_not_the_engine_s() -> None:
    assert "service_tier" not in completion(ENGINE_REPLY | {"service_tier": "priority"})
    assert completion(ENGINE_REPLY | {"service_tier": "priority"}, service_tier="default")["service_tier"] == "default"
    assert "service_tier" not in chunk(ENGINE_CHUNK | {"service_tier": "priority"})
    assert chunk(ENGINE_CHUNK, service_tier="default")["service_tier"] == "default"


def test_a_chunk_is_named_for_the_snapshot_and_holds_nothing_of_the_engine_s_own() -> None:
    assert chunk(ENGINE_CHUNK | {"obfuscation": "xxxx"}) == {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": SNAPSHOT,
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}],
    }


def test_usage_is_in_chunks_only_for_who_asked() -> None:
    counted = ENGINE_CHUNK | {"usage": ENGINE_REPLY["usage"]}
    last = counted | {"choices": []}
    assert "usage" not in chunk(counted)
    assert "usage" not in chunk(last)
    assert chunk(ENGINE_CHUNK, include_usage=True)["usage"] is None
    assert chunk(ENGINE_CHUNK | {"usage": None}, include_usage=True)["usage"] is None
    assert chunk(last, include_usage=True)["usage"]["total_tokens"] == 5


def test_pieces_of_tool_calls_pass() -> None:
    pieces = [{"index": 0, "id": None, "type": None, "function": {"name": None, "arguments": '{"a"'}}]
    delta = chunk(ENGINE_CHUNK | {"choices": [{"index": 0, "delta": {"tool_calls": pieces}}]})["choices"][0]["delta"]
    assert delta == {"tool_calls": [{"index": 0, "function": {"arguments": '{"a"'}}]}


@pytest.mark.parametrize(
    "data", [b"", b"null", b"[]", b"{}", b'{"error":{"message":"x"}}', b"\xff", b'{"id":1}', b'{"id":"\xff"}']
)
def test_what_is_no_reply_is_an_error(data: bytes) -> None:
    for decode in (chat_reply.decode_completion, chat_reply.decode_chunk):
        with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
            decode(data)


def test_models_show_what_really_answers() -> None:
    listed = ModelList((Model(SNAPSHOT, 1722814719, "system", Answering(("smollm2-135m-instruct",))),))
    assert json.loads(msgspec.json.encode(listed)) == {
        "object": "list",
        "data": [
            {
                "object": "model",
                "id": SNAPSHOT,
                "created": 1722814719,
                "owned_by": "system",
                "domicile": {"engines": ["smollm2-135m-instruct"]},
            }
        ],
    }
