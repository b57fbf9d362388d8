"""Completions by the real model, read by the official SDK."""

from typing import Any

import openai
import pytest
from tests.contract.engine.conftest import MODEL, EngineProcess

COUNTING = "one, two, three, four,"


def complete(sdk: openai.OpenAI, prompt: Any = COUNTING, **members: Any) -> Any:
    return sdk.completions.create(model=MODEL, prompt=prompt, temperature=0, **members)


def test_a_text_is_gone_on_with_as_it_stands(sdk: openai.OpenAI) -> None:
    answer = complete(sdk)
    assert set(answer.model_dump(exclude_unset=True)) == {
        *("id", "object", "created", "model", "system_fingerprint", "choices", "usage")
    }
    assert (answer.object, answer.id[:5]) == ("text_completion", "cmpl-")
    (choice,) = answer.choices
    assert choice.text.startswith(" five, six, seven")
    assert (choice.finish_reason, choice.logprobs, answer.usage.completion_tokens) == ("length", None, 16)
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 16


def test_a_stream_tells_the_same_and_ends_with_its_usage(sdk: openai.OpenAI) -> None:
    whole = complete(sdk, echo=True, max_tokens=8)
    chunks = list(complete(sdk, echo=True, max_tokens=8, stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].text for chunk in chunks[:-1]) == whole.choices[0].text
    assert whole.choices[0].text.startswith(COUNTING + " five")
    assert chunks[-2].choices[0].finish_reason == "length"
    assert (chunks[-1].choices, chunks[-1].usage) == ([], whole.usage)


def test_prompts_and_their_completions_come_in_order(sdk: openai.OpenAI) -> None:
    alone = [complete(sdk, prompt, max_tokens=4).choices[0].text for prompt in (COUNTING, "A, B, C,")]
    answer = complete(sdk, [COUNTING, "A, B, C,"], n=2, best_of=2, max_tokens=4)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert [choice.text for choice in answer.choices] == [alone[0], alone[0], alone[1], alone[1]]
    assert answer.usage.completion_tokens == 16


def test_token_ids_are_those_that_the_api_documents(sdk: openai.OpenAI) -> None:
    ids = [606, 11, 1403, 11, 2380, 11, 3116, 11]  # cl100k_base: "one, two, three, four," but for its first letters
    assert complete(sdk, ids, echo=True, max_tokens=0).choices[0].text.endswith(", two, three, four,")
    (first, second) = complete(sdk, [ids, ids], max_tokens=4).choices
    assert first.text == second.text


def test_nothing_is_written_and_a_document_begins(sdk: openai.OpenAI) -> None:
    nothing = complete(sdk, "Echo", echo=True, max_tokens=0)
    assert (nothing.choices[0].text, nothing.usage.completion_tokens) == ("Echo", 0)
    begun = [complete(sdk, prompt, max_tokens=4) for prompt in ("", "<|endoftext|>")]
    assert begun[0].choices[0].text == begun[1].choices[0].text
    assert begun[0].usage.prompt_tokens == 1


def test_stop_sequences_are_not_shown(sdk: openai.OpenAI) -> None:
    (choice,) = complete(sdk, stop=[" seven"]).choices
    assert (choice.text.strip(), choice.finish_reason) == ("five, six,", "stop")


@pytest.mark.parametrize("alternatives", [0, 3])
def test_logprobs_are_four_parallel_lists(sdk: openai.OpenAI, alternatives: int) -> None:
    answer = complete(sdk, logprobs=alternatives, max_tokens=4)
    (choice,) = answer.choices
    logprobs = choice.logprobs
    assert "".join(logprobs.tokens) == choice.text
    assert [choice.text[offset] for offset in logprobs.text_offset] == [token[0] for token in logprobs.tokens]
    assert all(len(others) == max(1, alternatives) for others in logprobs.top_logprobs)
    for token, logprob, others in zip(logprobs.tokens, logprobs.token_logprobs, logprobs.top_logprobs, strict=True):
        assert others[token] == logprob <= 0
        assert logprob == max(others.values()), "the most likely token, at temperature 0"
    streamed = complete(sdk, logprobs=alternatives, max_tokens=4, stream=True)
    parts = [chunk.choices[0].logprobs for chunk in streamed if chunk.choices[0].logprobs]
    assert [offset for part in parts for offset in part.text_offset] == logprobs.text_offset


def test_a_prompt_is_cached_for_its_own_tenant_only(engine: EngineProcess) -> None:
    def cached(salt: str) -> int:
        body = {"model": MODEL, "prompt": "A long tale of old. " * 12, "max_tokens": 1, "cache_salt": salt}
        with engine.http() as client:
            usage = client.post("/v1/completions", json=body).json()["usage"]
        return int(usage["prompt_tokens_details"]["cached_tokens"])

    assert cached("completing-a") == 0
    assert cached("completing-a") > 40
    assert cached("completing-b") == 0


@pytest.mark.parametrize(
    ("members", "code", "param"),
    [
        ({"suffix": "the end"}, "unsupported_parameter", "suffix"),
        ({"logit_bias": {"1": 1}}, "unsupported_parameter", "logit_bias"),
        ({"best_of": 3}, "unsupported_parameter", "best_of"),
        ({"n": 2, "best_of": 1}, "invalid_value", "best_of"),
        ({"echo": True, "logprobs": 1}, "unsupported_parameter", "echo"),
        ({"n": 33}, "unsupported_parameter", "n"),
        ({"prompt": ["a"] * 17, "n": 2}, "unsupported_parameter", "prompt"),
        ({"prompt": []}, "invalid_value", "prompt"),
        ({"prompt": [1, "a"]}, "invalid_type", "prompt[1]"),
        ({"prompt": [100_300]}, "invalid_value", "prompt"),
        ({"prompt": ["a", "word " * 9000]}, "context_length_exceeded", "prompt[1]"),
        ({"stream_options": {}}, "invalid_value", "stream_options"),
        ({"logprobs": 6}, "invalid_value", "logprobs"),
        ({"messages": []}, "unknown_parameter", "messages"),
    ],
)
def test_what_is_not_served_is_refused_by_name(
    engine: EngineProcess, members: dict[str, Any], code: str, param: str
) -> None:
    with engine.http() as client:
        answer = client.post("/v1/completions", json={"model": MODEL, "prompt": "a", **members})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, code, param)
