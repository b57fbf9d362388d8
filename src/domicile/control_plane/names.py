"""The type of every name that a caller chooses."""

from typing import Annotated

from msgspec import Meta

# PostgreSQL cannot store NUL in text.
Name = Annotated[str, Meta(min_length=1, max_length=256, pattern=r"^[^\x00]*\Z")]
