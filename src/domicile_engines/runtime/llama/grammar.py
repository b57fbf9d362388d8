"""Grammars for LLGuidance, which llama.cpp uses to mask every token that would break them."""

from collections.abc import Sequence
from typing import Any

import msgspec

# One fixed spacing: otherwise a small model may write blanks for ever without breaking the grammar.
_SPACING = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


def of_schema(schema: dict[str, Any]) -> str:
    """JSON of this shape and nothing else."""
    guided = msgspec.json.encode({**schema, "x-guidance": _SPACING}).decode()
    return f"%llguidance {{}}\nstart: %json {guided}"


def of_choice(texts: Sequence[str]) -> str:
    """One of these texts and nothing else."""
    options = " | ".join(msgspec.json.encode(text).decode() for text in texts)
    return f"%llguidance {{}}\nstart: {options}"
