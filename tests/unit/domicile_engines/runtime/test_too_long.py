"""What the engine says of an input that is too long is what the region's callers read, number for number."""

import pytest

from domicile.data_plane.engines.refusal import engine_refusal
from domicile.web.error_rendering import render
from domicile_engines.runtime.engine_errors import too_long


@pytest.mark.parametrize("is_embedded", [True, False])
@pytest.mark.parametrize("tokens", [9000, None])
@pytest.mark.parametrize(("param", "member"), [("messages", "messages"), ("prompt[1]", "prompt"), ("input", "input")])
def test_the_region_tells_the_same(param: str, member: str, tokens: int | None, is_embedded: bool) -> None:
    refusal = too_long(param, 8192, tokens)
    sent = render(refusal)
    error = engine_refusal(sent.status, sent.body, None, input_member=member, is_embedded=is_embedded)
    assert (error.code, error.param, error.message) == ("context_length_exceeded", param, refusal.message)
    assert "exceed the configured limit of 8192 tokens" in error.message
    assert f"reduce the length of the {member}" in error.message
    assert tokens is None or f"Your {member} resulted in {tokens} tokens." in error.message
