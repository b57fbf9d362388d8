"""The published figures of the moderation model, computed again from the weights that ship."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from training.moderation import train
from training.moderation.evaluate import Flagged, clean_rows, confusion, confusion_rows, figures, flag
from training.moderation.texts import TEST_SET, TRAINING_SET, read

from domicile_engines.models.moderation.categories import CATEGORIES, LEARNED
from domicile_engines.models.moderation.features import FEATURES
from domicile_engines.models.moderation.text_model import load_heads

PAGE = Path(__file__).parents[2] / "docs" / "moderation.md"
TEXTS = read(TEST_SET)
# Processors multiply 8-bit numbers in different ways, and a text near a threshold may fall on its other side.
TOLERANCE = 0.03


@pytest.fixture(scope="module")
def flagged() -> Iterator[Sequence[Flagged]]:
    yield flag(TEXTS)


def numbers(lines: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """All numbers of table rows; an empty cell is 0."""
    cells = [cell.strip() for line in lines for cell in line.strip("|").split("|")[1:]]
    return np.array([float(cell or 0) for cell in cells if re.fullmatch(r"[\d.]*", cell)])


def published(rows: Sequence[str]) -> list[str]:
    """The page's rows that begin as these do."""
    lines = PAGE.read_text("utf-8").splitlines()
    wanted = [row.split("|")[1] for row in rows]
    found = [line for line in lines if line.startswith("|") and line.split("|")[1] in wanted]
    return [line for line in found if line.count("|") == rows[-1].count("|")]


@pytest.mark.contract("C23")
def test_precision_and_recall_are_those_published(flagged: Sequence[Flagged]) -> None:
    rows = [figure.row() for figure in figures(TEXTS, flagged)]
    said = published(rows)
    assert len(said) == len(CATEGORIES)
    assert numbers(said) == pytest.approx(numbers(rows), abs=TOLERANCE)


def test_the_confusions_are_those_published(flagged: Sequence[Flagged]) -> None:
    for rows in (confusion_rows(confusion(TEXTS, flagged)), clean_rows(TEXTS, flagged)):
        table = [row for row in rows if not row.startswith(("|---", "| labelled as"))]
        said = published(table)
        assert len(said) == len(table)
        assert np.abs(numbers(said) - numbers(table)).max() <= TOLERANCE * 180


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_training_again_gives_the_same_weights() -> None:
    made, shipped = train.train(read(TRAINING_SET)).astype(np.float32), load_heads()
    assert made.shape == (len(LEARNED), FEATURES)
    for head, other in zip(made, shipped, strict=True):
        assert head @ other / np.linalg.norm(head) / np.linalg.norm(other) > 0.98
