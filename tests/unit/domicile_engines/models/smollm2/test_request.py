"""Every request outside the closed type ends in a 400 that names the member."""

from typing import Any

import msgspec
import pytest

from domicile_engines.models.smollm2.request import decode
from domicile_engines.runtime.errors import Refusal, body

_USER = {"role": "user", "content": "x"}


def _decode(**members: Any) -> Any:
    return decode(msgspec.json.encode({"model": "m", "messages": [_USER], **members}))


@pytest.mark.parametrize(
    ("members", "code", "param"),
    [
        ({"zap": 1}, "unsupported_parameter", "zap"),
        ({"store": True}, "unsupported_parameter", "store"),
        ({"reasoning_effort": "low"}, "unsupported_parameter", "reasoning_effort"),
        ({"verbosity": "low"}, "unsupported_parameter", "verbosity"),
        ({"modalities": ["text", "audio"]}, "unsupported_parameter", "modalities"),
        ({"prediction": {"type": "content", "content": "x"}}, "unsupported_parameter", "prediction"),
        ({"logit_bias": {"50256": -100}}, "unsupported_parameter", "logit_bias"),
        ({"n": 9}, "unsupported_parameter", "n"),
        ({"n": 0}, "invalid_value", "n"),
        ({"temperature": 2.5}, "invalid_value", "temperature"),
        ({"temperature": "hot"}, "invalid_value", "temperature"),
        ({"stop": ["a"] * 5}, "invalid_value", "stop"),
        ({"top_logprobs": 3}, "invalid_value", "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "invalid_value", "top_logprobs"),
        ({"stream_options": {"include_usage": True}}, "invalid_value", "stream_options"),
        ({"max_tokens": 0}, "invalid_value", "max_tokens"),
        ({"messages": []}, "invalid_value", "messages"),
        ({"messages": [{"role": "boss", "content": "x"}]}, "invalid_value", "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "missing_required_parameter", "messages[0].content"),
        ({"messages": [{**_USER, "zap": 1}]}, "unsupported_parameter", "messages[0].zap"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]}]},
            "modality_not_supported",
            "messages[0].content[0]",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
            "modality_not_supported",
            "messages[0].content[0]",
        ),
    ],
)
def test_what_is_not_served_is_refused_by_name(members: dict[str, Any], code: str, param: str) -> None:
    with pytest.raises(Refusal) as refused:
        _decode(**members)
    assert (refused.value.status, refused.value.code, refused.value.param) == (400, code, param)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"1", b"\xff", b"[" * 100_000, b'{"temperature": NaN}'])
def test_what_is_not_an_object_of_json_is_refused(text: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        decode(text)
    assert refused.value.status == 400


def test_depth_is_bounded() -> None:
    deep: Any = 1
    for _ in range(70):
        deep = {"a": deep}
    with pytest.raises(Refusal, match="invalid_json"):
        _decode(tools=[{"type": "function", "function": {"name": "f", "parameters": deep}}])


@pytest.mark.parametrize(
    "members",
    [{"modalities": ["text"]}, {"logit_bias": {}}, {"reasoning_effort": None}, {"stop": None}, {"priority": -3}],
)
def test_asking_for_nothing_unusual_is_served(members: dict[str, Any]) -> None:
    assert _decode(**members).model == "m"


def test_all_roles_and_refusals_in_history_are_read() -> None:
    request = _decode(
        messages=[
            {"role": "developer", "content": "be brief"},
            {"role": "system", "content": [{"type": "text", "text": "be kind"}]},
            {"role": "user", "content": "x", "name": "ann"},
            {"role": "assistant", "content": None, "refusal": "no"},
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
            {
                "role": "assistant",
                "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "c", "content": "1"},
            {"role": "function", "name": "f", "content": "1"},
        ]
    )
    assert len(request.messages) == 8


def test_an_error_never_repeats_a_message() -> None:
    with pytest.raises(Refusal) as refused:
        _decode(messages=[{"role": "SECRET", "content": "SECRET"}], seed="SECRET", temperature="SECRET")
    assert b"SECRET" not in body(refused.value)
    assert "SECRET" not in str(refused.value)
