"""The labelled texts."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

_FOLDER = Path(__file__).parent
TRAINING_SET = _FOLDER / "train.jsonl"
TEST_SET = _FOLDER / "test.jsonl"


@dataclass(frozen=True)
class Labelled:
    """One text, and every category that it fits."""

    text: str
    labels: frozenset[str]
    kind: str = ""
    """Of a clean text: everyday, or what it could be mistaken for."""


def read(path: Path) -> list[Labelled]:
    """All texts of a file. Raises ValueError for one that is not as described in README.md."""
    return [msgspec.json.decode(line, type=Labelled) for line in path.read_bytes().splitlines()]
