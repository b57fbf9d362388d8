"""Trains the heads of the embedded moderation model: `make train-moderation`.

Reads `train.jsonl` alone. Each category gets a logistic regression with an L2 penalty, solved exactly (Newton's method in its
dual form, since there are fewer texts than features); its threshold is the one with the best F1 in five-fold
cross-validation on the same texts, and is folded into the bias, so that 0.5 is every category's threshold.
"""

import hashlib
import io
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from domicile_engines.models.minilm.model import MiniLm
from domicile_engines.models.moderation.categories import LEARNED
from domicile_engines.models.moderation.features import features
from domicile_engines.models.moderation.text_model import HEADS_FILE, embed
from training.moderation.texts import TRAINING_SET, Labelled, read

PENALTY = 0.1
FOLDS = 5
_SEED = 7
_STEPS_MAX = 30
_SETTLED = 1e-6

Matrix = NDArray[np.float64]


def main() -> None:
    """Train, write the weights, and say what must stand in `text_model.HEADS_SHA256`."""
    content = weights_file(train(read(TRAINING_SET)))
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else HEADS_FILE
    target.write_bytes(content)
    print(f"{target}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")


def train(texts: list[Labelled]) -> NDArray[np.float16]:
    """The heads, shape (12, FEATURES), their thresholds in the last column."""
    model = MiniLm(1)
    seen = np.stack([features(each.text, embed(model, each.text)) for each in texts]).astype(np.float64)
    kernel = seen @ seen.T
    folds = np.random.default_rng(_SEED).permutation(len(texts)) % FOLDS
    heads = []
    for category in LEARNED:
        fits = np.array([category in each.labels for each in texts], np.float64)
        weights = seen.T @ solve(kernel, fits)
        weights[-1] -= threshold(cross_validated(kernel, fits, folds), fits)
        heads.append(weights)
    return np.stack(heads).astype(np.float16)


def solve(kernel: Matrix, fits: Matrix) -> Matrix:
    """The dual weights of a penalised logistic regression."""
    dual = np.zeros(len(kernel))
    for _ in range(_STEPS_MAX):
        logits = kernel @ dual
        likely = 1 / (1 + np.exp(-logits))
        curvature = np.maximum(likely * (1 - likely), 1e-6)
        target = logits + (fits - likely) / curvature
        step = np.linalg.solve(kernel + PENALTY * np.diag(1 / curvature), target) - dual
        dual = dual + step
        if np.abs(step).max() < _SETTLED:
            break
    return dual


def cross_validated(kernel: Matrix, fits: Matrix, folds: NDArray[np.int64]) -> Matrix:
    """Each text's logit by a head that has not seen it."""
    logits = np.zeros(len(fits))
    for fold in range(FOLDS):
        held, rest = folds == fold, folds != fold
        logits[held] = kernel[np.ix_(held, rest)] @ solve(kernel[np.ix_(rest, rest)], fits[rest])
    return logits


def threshold(logits: Matrix, fits: Matrix) -> float:
    """The logit that parts the texts with the best F1."""
    order = np.argsort(-logits, kind="stable")
    found = np.cumsum(fits[order])
    f1 = 2 * found / (np.arange(1, len(fits) + 1) + fits.sum())
    best = int(f1[:-1].argmax())
    return float((logits[order][best] + logits[order][best + 1]) / 2)


def weights_file(heads: NDArray[np.float16]) -> bytes:
    """The bytes of the file that the engine loads."""
    buffer = io.BytesIO()
    np.save(buffer, heads, allow_pickle=False)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
