"""The features of a text: MiniLM's vector, and hashes of its words and parts of words.

The training script uses this module too, so training and serving have the same features.
"""

import re
import unicodedata
import zlib
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from domicile_engines.models.minilm.model import DIMENSIONS

BUCKETS = 8192
"""Hash buckets for the words. The parts of words have as many again."""
FEATURES = DIMENSIONS + 2 * BUCKETS + 1
"""The last feature is always 1 (the bias)."""

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_PARTS = (3, 4, 5)
_WORD_LETTERS_MAX = 40
# Chosen by cross-validation on the training set: the vector has more weight than the hashes.
_HASHED_WEIGHT = np.float32(0.7)

Features = NDArray[np.float32]


def features(text: str, vector: NDArray[np.float32]) -> Features:
    """The features of a text, shape (FEATURES,). `vector`: the text's embedding, of length 1."""
    words = _WORD.findall(unicodedata.normalize("NFKC", text).replace("\u2019", "'").lower())
    found = np.empty(FEATURES, np.float32)
    found[:DIMENSIONS] = vector
    found[DIMENSIONS : DIMENSIONS + BUCKETS] = _hashed(_phrases(words))
    found[DIMENSIONS + BUCKETS : -1] = _hashed(_parts(words))
    found[-1] = 1
    return found


def has_words(text: str) -> bool:
    """Whether the text has a word to score."""
    return _WORD.search(text) is not None


def _phrases(words: list[str]) -> Iterator[str]:
    """The words, and the pairs of neighbouring words. The text's start and end count as words in pairs."""
    yield from words
    framed = ["^", *words, "$"]
    yield from (f"{first} {second}" for first, second in pairwise(framed))


def _parts(words: list[str]) -> Iterator[str]:
    for word in words:
        framed = f"<{word[:_WORD_LETTERS_MAX]}>"
        for size in _PARTS:
            yield from (framed[begin : begin + size] for begin in range(len(framed) - size + 1))


def _hashed(grams: Iterator[str]) -> Features:
    """Feature hashing: each distinct gram adds 1 or -1 to a bucket, so collisions cancel out on average.

    The result has length `_HASHED_WEIGHT`, or is all zero.
    """
    buckets = np.zeros(BUCKETS, np.float32)
    for gram in sorted(set(grams)):
        code = zlib.crc32(gram.encode())
        buckets[code % BUCKETS] += 1 if code & 0x80000000 else -1
    length = np.linalg.norm(buckets)
    if length > 0:
        buckets *= np.float32(_HASHED_WEIGHT / length)
    return buckets
