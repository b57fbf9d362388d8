"""The engine's answer: 13 categories, and which kinds of input each score comes from."""

import secrets
from collections.abc import Sequence
from typing import Any

import msgspec

from domicile_engines.models.moderation.categories import CATEGORIES, FLAGGED_FROM, SEXUAL


def encode(model: str, results: Sequence[dict[str, Any]]) -> bytes:
    """The answer's body."""
    return msgspec.json.encode({"id": f"modr-{secrets.token_hex(16)}", "model": model, "results": results})


def result(scores: Sequence[float], image_score: float | None, *, has_text: bool) -> dict[str, Any]:
    """One result. `scores`: of the text, in the order of `CATEGORIES`; `image_score`: the sexual one, if there was an image.

    A category that no part of the input was looked at for scores 0 and names no kind of input.
    """
    by_name = dict(zip(CATEGORIES, (float(score) for score in scores), strict=True))
    applied = {name: ["text"] if has_text else [] for name in CATEGORIES}
    if image_score is not None:
        by_name[SEXUAL] = max(by_name[SEXUAL], image_score)
        applied[SEXUAL] = [*applied[SEXUAL], "image"]
    flagged = {name: score >= FLAGGED_FROM for name, score in by_name.items()}
    return {
        "flagged": any(flagged.values()),
        "categories": flagged,
        "category_scores": by_name,
        "category_applied_input_types": applied,
    }
