"""OpenAI's shape of moderations: 13 categories, and the kinds of input behind each score."""

import secrets
from collections.abc import Sequence
from typing import Any

import msgspec

from domicile_engines.models.moderation.categories import CATEGORIES, FLAGGED_FROM, SEXUAL


def encode(model: str, results: Sequence[dict[str, Any]]) -> bytes:
    """The reply's body."""
    return msgspec.json.encode({"id": f"modr-{secrets.token_hex(16)}", "model": model, "results": results})


def result(scores: Sequence[float], image_score: float | None, *, has_text: bool) -> dict[str, Any]:
    """One result.

    `scores`: the text's scores, in the order of `CATEGORIES`. `image_score`: the image's `sexual` score; None without image.
    A category that was not scored has score 0 and an empty list of input types.
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
