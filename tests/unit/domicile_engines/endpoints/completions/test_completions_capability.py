"""What the chat model refuses of a completion request."""

from typing import Any

import pytest
from tests.unit.domicile_engines.asking import read, refused

from domicile_engines.endpoints.completions.endpoint import read_completion


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"suffix": "b"}, "suffix"),
        ({"logit_bias": {"1": 1}}, "logit_bias"),
        ({"best_of": 2}, "best_of"),
        ({"echo": True, "logprobs": 1}, "echo"),
        ({"n": 33}, "n"),
        ({"prompt": ["a"] * 33}, "prompt"),
        ({"prompt": [[1], [2]], "n": 17}, "prompt"),
    ],
)
async def test_what_the_model_cannot_do_is_refused_by_name(members: dict[str, Any], param: str) -> None:
    error = await refused(read_completion, {"model": "m", "prompt": "a", **members})
    assert (error.code, error.param) == ("unsupported_parameter", param)


async def test_the_tokens_of_one_text_are_one_prompt() -> None:
    assert (await read(read_completion, {"model": "m", "prompt": [1] * 40, "n": 20, "best_of": 20})).n == 20
