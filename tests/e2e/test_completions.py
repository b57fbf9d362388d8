"""Completions by a real model in both regions, through the official SDK (beyond the contract)."""

import pytest
from openai import BadRequestError

from tests.e2e.conftest import RunningUp
from tests.platform.installation import IssuedKey

MODELS = ("gpt-3.5-turbo-instruct", "smollm2-135m-instruct")
BOTH = pytest.mark.parametrize("code", ["us", "eu"])


@pytest.fixture
def keys(us_key: IssuedKey, eu_key: IssuedKey) -> dict[str, str]:
    return {"us": us_key.secret, "eu": eu_key.secret}


@BOTH
def test_each_model_goes_on_with_a_text(up: RunningUp, keys: dict[str, str], code: str) -> None:
    client = up.client(code, keys[code])
    for model in MODELS:
        answer = client.completions.create(model=model, prompt="one, two, three, four,", max_tokens=6, temperature=0)
        assert answer.choices[0].text.startswith(" five, six,")
        assert (answer.model, answer.choices[0].finish_reason) == (model, "length")
        assert answer.usage is not None
        assert answer.usage.completion_tokens == 6


@BOTH
def test_prompts_echo_logprobs_and_streams(up: RunningUp, keys: dict[str, str], code: str) -> None:
    completions = up.client(code, keys[code]).completions
    several = completions.create(model=MODELS[0], prompt=["A, B,", "1, 2,"], n=2, echo=True, max_tokens=2)
    assert [choice.text[:5] for choice in several.choices] == ["A, B,", "A, B,", "1, 2,", "1, 2,"]
    likely = completions.create(model=MODELS[0], prompt="A, B,", logprobs=2, max_tokens=3).choices[0]
    assert likely.logprobs is not None
    assert "".join(likely.logprobs.tokens or ()) == likely.text
    stream = completions.create(
        model=MODELS[0], prompt="A, B,", max_tokens=4, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert len(chunks) > 3
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 4


@pytest.mark.parametrize(
    ("members", "code", "param"),
    [
        ({"suffix": "the end"}, "unsupported_parameter", "suffix"),
        ({"logit_bias": {"1": 1}}, "unsupported_parameter", "logit_bias"),
        ({"best_of": 3}, "unsupported_parameter", "best_of"),
        ({"prompt": "word " * 9000}, "context_length_exceeded", "prompt"),
        ({"model": "gpt-4o"}, "model_not_eligible", "model"),
        ({"logprobs": 6}, "invalid_value", "logprobs"),
    ],
)
def test_what_is_not_served_is_refused_by_its_member(
    up: RunningUp, keys: dict[str, str], members: dict[str, object], code: str, param: str
) -> None:
    with pytest.raises(BadRequestError) as caught:
        up.client("eu", keys["eu"]).completions.create(model=MODELS[0], prompt="a", extra_body=members)
    assert (caught.value.code, caught.value.param) == (code, param)
