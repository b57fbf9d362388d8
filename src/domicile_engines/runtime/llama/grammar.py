"""Grammars for LLGuidance, which llama.cpp uses to exclude every token that would break them."""

from collections.abc import Sequence
from typing import Any

import msgspec

# Fixed spacing: otherwise a small model may write blanks endlessly within the grammar.
_SPACING = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


def of_schema(schema: dict[str, Any]) -> str:
    """A grammar that allows only JSON of this schema."""
    guided = msgspec.json.encode({**schema, "x-guidance": _SPACING}).decode()
    return f"%llguidance {{}}\nstart: %json {guided}"


def of_choice(texts: Sequence[str]) -> str:
    """A grammar that allows only one of these texts."""
    options = " | ".join(msgspec.json.encode(text).decode() for text in texts)
    return f"%llguidance {{}}\nstart: {options}"
