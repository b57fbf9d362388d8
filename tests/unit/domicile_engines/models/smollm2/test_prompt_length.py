"""A prompt that cannot be within the limit is refused before its tokens are counted: that would take a minute."""

import pytest

from domicile.kernel.errors import DomicileError
from domicile_engines.models.smollm2.plan import check_length


def test_what_may_be_within_the_limit_is_counted() -> None:
    check_length([1, " " * 640, 2], 10, "messages")


def test_what_cannot_be_is_refused_by_its_characters() -> None:
    with pytest.raises(DomicileError) as refused:
        check_length([1, " " * 320, 2, " " * 321], 10, "prompt")
    assert (refused.value.category.value[0], refused.value.code) == (400, "context_length_exceeded")
    assert refused.value.param == "prompt"
