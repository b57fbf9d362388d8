"""OpenAI's shape of generated images."""

import base64
import time
from collections.abc import Sequence

import msgspec


def picture(png: bytes, revised_prompt: str) -> dict[str, str]:
    """One image, and a description of what it shows."""
    return {"b64_json": base64.b64encode(png).decode("ascii"), "revised_prompt": revised_prompt}


def encode(pictures: Sequence[dict[str, str]]) -> bytes:
    """The reply's body."""
    return msgspec.json.encode({"created": int(time.time()), "data": pictures})
