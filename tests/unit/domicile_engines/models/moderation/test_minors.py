"""The rule for `sexual/minors`. What it finds and misses in whole sentences is measured by tests/training."""

import pytest

from domicile_engines.models.moderation import minors


@pytest.mark.parametrize(
    ("passage", "learned", "expected"),
    [
        ("He was charged with possessing sexual images of children.", 0.0, 0.9),
        ("A boy of eleven was molested, the court heard.", 0.0, 0.9),
        ("She was twelve, and the messages were explicit.", 0.0, 0.9),
        ("Sex education for teenagers starts in May.", 0.0, 0.3),
        ("The children play in the garden.", 0.02, 0.02),
        ("The teenager in the story does not act her age.", 0.8, 0.8),
        ("The girls at the bar offer sex.", 0.9, 0.0),
        ("It was one erotic night.", 0.9, 0.0),
    ],
)
def test_a_minor_and_something_sexual_together(passage: str, learned: float, expected: float) -> None:
    assert minors.score(passage, learned) == expected
