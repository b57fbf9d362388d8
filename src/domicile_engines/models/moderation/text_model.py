"""The learned heads: one logistic regression per category, over MiniLM's vector and hashed words."""

import hashlib
import io
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from domicile_engines.models.minilm.model import MiniLm, combine, windows
from domicile_engines.models.moderation import minors
from domicile_engines.models.moderation.categories import CATEGORIES, LEARNED, SEXUAL
from domicile_engines.models.moderation.features import FEATURES, features, has_words
from domicile_engines.runtime.weights import WeightsError

HEADS_FILE = Path(__file__).parent / "data" / "heads.npy"
HEADS_SHA256 = "a84ac6ab31de713c2e062914e31335236c14bf2da5ba111df54b0df5f465b06c"

Heads = NDArray[np.float32]
Scores = NDArray[np.float32]
"""One score from 0 to 1 for each of `CATEGORIES`."""

NOTHING: Scores = np.zeros(len(CATEGORIES), np.float32)
_SEXUAL = LEARNED.index(SEXUAL)


@cache
def load_heads() -> Heads:
    """The trained weights, shape (12, FEATURES). Raises `WeightsError` for an unexpected file."""
    content = HEADS_FILE.read_bytes()
    if hashlib.sha256(content).hexdigest() != HEADS_SHA256:
        raise WeightsError(f"{HEADS_FILE.name} is not the expected file")
    heads: Heads = np.load(io.BytesIO(content), allow_pickle=False).astype(np.float32)
    if heads.shape != (len(LEARNED), FEATURES):
        raise WeightsError(f"{HEADS_FILE.name} has the shape {heads.shape}")
    return heads


def embed(model: MiniLm, passage: str) -> NDArray[np.float32]:
    """The passage's vector, of length 1."""
    parts = [(len(window), model.embed(window)) for window in windows(model.tokens(passage))]
    return combine(parts, len(parts[0][1]))


def score_passage(model: MiniLm, heads: Heads, passage: str) -> Scores:
    """Score one passage in all categories. A passage without a word scores 0."""
    if not has_words(passage):
        return NOTHING
    learned = learned_scores(heads, features(passage, embed(model, passage)))
    return np.append(learned, np.float32(minors.score(passage, float(learned[_SEXUAL]))))


def learned_scores(heads: Heads, seen: NDArray[np.float32]) -> Scores:
    """The heads' scores for the features of one passage, shape (12,)."""
    scores: Scores = 1 / (1 + np.exp(-(heads @ seen)))
    return scores
