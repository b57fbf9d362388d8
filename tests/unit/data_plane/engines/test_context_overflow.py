"""A context that is too long is told in words that clients know, whatever words the engine has for it."""

import json
from typing import Any

import pytest

from domicile.data_plane.engines.context_overflow import overflow_in
from domicile.data_plane.engines.refusal import engine_refusal
from domicile.kernel.errors import Category, DomicileError

TOO_LONG = (
    "Input tokens exceed the configured limit of 4096 tokens. Your messages resulted in 5000 tokens. "
    "Please reduce the length of the messages."
)
BOTH = (
    "This model's maximum context length is 4096 tokens. However, you requested 4200 tokens "
    "(4000 in the messages, 200 in the completion). Please reduce the length of the messages or completion."
)
UNKNOWN = "Input tokens exceed the configured limit. Please reduce the length of the messages."


def refused(status: int, body: Any, member: str = "messages") -> DomicileError:
    return engine_refusal(status, json.dumps(body).encode(), None, input_member=member)


def openai(message: str, **members: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": "messages", **members}}


def vllm(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "BadRequestError", "param": None, "code": 400}}


def sglang(message: str) -> dict[str, Any]:
    return {"object": "error", "message": message, "type": "BadRequestError", "param": None, "code": 400}


# What each engine answers, word for word, and what the caller is told.
ENGINES = [
    (
        openai(
            "Input tokens exceed the configured limit of 4096 tokens. Your messages resulted in 5000 tokens. Please "
            "reduce the length of the messages.",
            code="context_length_exceeded",
        ),
        TOO_LONG,
    ),
    (
        openai(
            "This model's maximum context length is 4096 tokens. However, your messages resulted in 5000 tokens. "
            "Please reduce the length of the messages.",
            code="context_length_exceeded",
        ),
        TOO_LONG,
    ),
    (
        openai(
            "This model's maximum context length is 4096 tokens. However, you requested 4200 tokens (4000 in the "
            "messages, 200 in the completion). Please reduce the length of the messages or completion.",
            code="context_length_exceeded",
        ),
        BOTH,
    ),
    (
        openai(
            "This model's maximum context length is 4096 tokens, however you requested 5016 tokens (5000 in your "
            "prompt; 16 for the completion). Please reduce your prompt; or completion length.",
            code="context_length_exceeded",
        ),
        TOO_LONG,
    ),
    (
        vllm(
            "This model's maximum context length is 4096 tokens. However, you requested 5016 tokens (5000 in the "
            "messages, 16 in the completion). Please reduce the length of the messages or completion."
        ),
        TOO_LONG,
    ),
    (
        vllm(
            "This model's maximum context length is 4096 tokens. However, your request has 5000 input tokens. Please "
            "reduce the length of the input messages."
        ),
        TOO_LONG,
    ),
    (
        vllm(
            "This model's maximum context length is 4096 tokens. However, you requested 16 output tokens and your "
            "prompt contains at least 5000 input tokens, for a total of at least 5016 tokens. Please reduce the length "
            "of the input prompt or the number of requested output tokens."
        ),
        TOO_LONG,
    ),
    (
        vllm(
            "'max_tokens' or 'max_completion_tokens' is too large: 200. This model's maximum context length is 4096 "
            "tokens and your request has 4000 input tokens (200 > 4096 - 4000). None"
        ),
        BOTH,
    ),
    (
        vllm(
            "You passed 4000 input tokens and requested 200 output tokens. However, the model's context length is only "
            "4096 tokens, resulting in a maximum input length of 3896 tokens. Please reduce the length of the input "
            "prompt. (parameter=input_tokens, value=4000)"
        ),
        BOTH,
    ),
    (
        vllm(
            "The decoder prompt (length 5000) is longer than the maximum model length of 4096. Make sure that "
            "`max_model_len` is no smaller than the number of text tokens."
        ),
        TOO_LONG,
    ),
    (sglang("The input (5000 tokens) is longer than the model's context length (4096 tokens)."), TOO_LONG),
    (
        sglang(
            "Requested token count exceeds the model's maximum context length of 4096 tokens. You requested a total of "
            "4200 tokens: 4000 tokens from the input messages and 200 tokens for the completion. Please reduce the "
            "number of tokens in the input messages or the completion to fit within the limit."
        ),
        BOTH,
    ),
    (
        sglang(
            "Input length (5000 tokens) exceeds the maximum allowed length (4096 tokens). Use a shorter input or enable "
            "--allow-auto-truncate."
        ),
        TOO_LONG,
    ),
    (
        {
            "error": {
                "code": 400,
                "message": "request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 5000,
                "n_ctx": 4096,
            }
        },
        TOO_LONG,
    ),
    (
        {
            "error": {
                "code": 400,
                "message": "the request exceeds the available context size, try increasing it",
                "type": "invalid_request_error",
            }
        },
        UNKNOWN,
    ),
    (
        {
            "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000 `inputs` "
            "tokens and 200 `max_new_tokens`",
            "error_type": "validation",
        },
        BOTH,
    ),
    (
        {
            "error": "Input validation error: `inputs` must have less than 4096 tokens. Given: 5000",
            "error_type": "validation",
        },
        TOO_LONG,
    ),
    (openai("secret-host.internal", code="context_length_exceeded"), UNKNOWN),
    (
        openai(
            "Input tokens exceed the configured limit of 4096 tokens. Please reduce the length of the messages.",
            code="context_length_exceeded",
        ),
        "Input tokens exceed the configured limit of 4096 tokens. Please reduce the length of the messages.",
    ),
]

# Copies of what clients look for, in lower case: LiteLLM's list, and LangChain's two texts.
LITELLM = ("this model's maximum context length is", "input tokens exceed the configured limit")
LANGCHAIN = ("context_length_exceeded", "Input tokens exceed the configured limit")


@pytest.mark.parametrize(("body", "told"), ENGINES)
@pytest.mark.parametrize("status", [400, 413, 422])
def test_every_engine_s_words_become_those_that_clients_know(status: int, body: Any, told: str) -> None:
    error = refused(status, body)
    assert (error.category, error.code, error.param) == (Category.INVALID, "context_length_exceeded", "messages")
    assert error.message == told
    assert any(known in error.message.lower() for known in LITELLM)
    assert any(known in f"{error.code}: {error.message}" for known in LANGCHAIN)


@pytest.mark.parametrize(
    ("member", "param", "shown"),
    [
        ("prompt", None, "prompt"),
        ("prompt", "prompt[1]", "prompt[1]"),
        ("input", "input_tokens", "input"),
        ("input", "input[3]", "input[3]"),
        ("messages", "prompt", "messages"),
        ("file", "secret-host.internal", "file"),
    ],
)
def test_the_endpoint_s_own_member_is_named(member: str, param: str | None, shown: str) -> None:
    said = "This model's maximum context length is 8 tokens. However, your request has 9 input tokens."
    error = refused(400, openai(said, code="context_length_exceeded") | {}, member)
    assert error.param == member
    error = refused(400, {"error": {"message": said, "code": "context_length_exceeded", "param": param}}, member)
    assert error.param == shown
    assert f"Your {member} resulted in 9 tokens" in error.message


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 99999999999999999999 tokens. However, your messages resulted in 5 tokens",
        "secret-host.internal: This model's maximum context length is 4096 tokens. However, your messages resulted in 5000 x",
        "x" * 5_000 + "maximum context length is 3 tokens",
    ],
)
def test_nothing_but_integers_of_a_context_is_taken(message: str) -> None:
    error = refused(400, openai(message, code="context_length_exceeded"))
    assert error.code == "context_length_exceeded"
    assert "secret" not in error.message
    assert "9999" not in error.message
    assert len(error.message) < 300


@pytest.mark.parametrize(
    "message", ["", "The model is busy.", "'n' must be at most 8 tokens", "seed: 4096 is too long"]
)
def test_other_words_are_no_overflow(message: str) -> None:
    assert overflow_in(message) is None
    assert refused(400, vllm(message)).code == "engine_refused"


def test_another_code_is_believed() -> None:
    said = "maximum context length is 4096 tokens"
    assert refused(400, openai(said, code="invalid_value")).code == "invalid_value"
