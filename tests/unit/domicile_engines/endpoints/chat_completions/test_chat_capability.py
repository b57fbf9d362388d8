"""What the chat model and the vision model refuse of a request that is right in itself."""

from typing import Any

import msgspec
import pytest
from tests.unit.domicile_engines.asking import read, refused

from domicile_engines.endpoints.chat_completions.endpoint import read_chat
from domicile_engines.models.vision.answering import MODEL_ID as VISION
from domicile_engines.models.vision.answering import PICTURES_MAX

USER = {"role": "user", "content": "x"}
TOOL = {"type": "function", "function": {"name": "f"}}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}
SOUND = {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}
CUSTOM_CALL = {"role": "assistant", "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "f", "input": ""}}]}
CALL = {
    "role": "assistant",
    "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}],
}


def asked(**members: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [USER], **members}


def saying(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


@pytest.mark.parametrize(
    ("members", "code", "param"),
    [
        ({"store": True}, "unsupported_parameter", "store"),
        ({"reasoning_effort": "low"}, "unsupported_parameter", "reasoning_effort"),
        ({"verbosity": "low"}, "unsupported_parameter", "verbosity"),
        ({"audio": {"voice": "alloy", "format": "wav"}}, "unsupported_parameter", "audio"),
        ({"modalities": ["text", "audio"]}, "unsupported_parameter", "modalities"),
        ({"prediction": {"type": "content", "content": "x"}}, "unsupported_parameter", "prediction"),
        ({"logit_bias": {"50256": -100}}, "unsupported_parameter", "logit_bias"),
        ({"n": 9}, "unsupported_parameter", "n"),
        ({"tools": [TOOL, {"type": "custom", "custom": {"name": "g"}}]}, "unsupported_parameter", "tools[1].type"),
        (
            {
                "tools": [TOOL],
                "tool_choice": {
                    "type": "allowed_tools",
                    "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
                },
            },
            "unsupported_parameter",
            "tool_choice.type",
        ),
        ({"messages": [CUSTOM_CALL]}, "unsupported_parameter", "messages[0].tool_calls[0].type"),
        ({"messages": [{"role": "assistant", "audio": {"id": "a"}}]}, "modality_not_supported", "messages[0].audio"),
        ({"messages": [USER, *saying(PICTURE)]}, "modality_not_supported", "messages[1].content[0]"),
        (
            {"messages": saying({"type": "text", "text": "x"}, SOUND)},
            "modality_not_supported",
            "messages[0].content[1]",
        ),
        ({"model": VISION, "n": 2}, "unsupported_parameter", "n"),
        ({"model": VISION, "logprobs": True}, "unsupported_parameter", "logprobs"),
        ({"model": VISION, "response_format": {"type": "json_object"}}, "unsupported_parameter", "response_format"),
        ({"model": VISION, "tools": [TOOL]}, "unsupported_parameter", "tools"),
        ({"model": VISION, "messages": [CALL]}, "unsupported_parameter", "messages[0]"),
        ({"model": VISION, "messages": saying(SOUND)}, "modality_not_supported", "messages[0].content[0]"),
        ({"model": VISION, "messages": saying(*[PICTURE] * (PICTURES_MAX + 1))}, "invalid_value", "messages"),
    ],
)
async def test_what_the_model_cannot_do_is_refused_by_name(members: dict[str, Any], code: str, param: str) -> None:
    error = await refused(read_chat, asked(**members))
    assert (error.category.value[0], error.code, error.param) == (400, code, param)


@pytest.mark.parametrize(
    "members",
    [
        {"modalities": ["text"]},
        {"logit_bias": {}},
        {"reasoning_effort": None},
        {"stop": None},
        {"priority": -3, "cache_salt": "proj_1"},
        {"model": VISION, "messages": saying(PICTURE, {"type": "text", "text": "x"})},
        {"model": VISION, "response_format": {"type": "text"}},
    ],
)
async def test_asking_for_nothing_unusual_is_served(members: dict[str, Any]) -> None:
    sent = asked(**members)
    assert (await read(read_chat, sent)).model == sent["model"]


async def test_an_error_never_repeats_a_message() -> None:
    error = await refused(read_chat, asked(messages=saying({"type": "text", "text": "SECRET"}, PICTURE)))
    assert "SECRET" not in error.message + str(error)
    assert b"SECRET" not in msgspec.json.encode(error.param)
