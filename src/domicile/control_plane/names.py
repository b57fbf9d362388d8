"""The types of names that a caller chooses, and of ids in a body."""

from typing import Annotated

from msgspec import Meta

# PostgreSQL cannot store NUL in text.
Name = Annotated[str, Meta(min_length=1, max_length=256, pattern=r"^[^\x00]*\Z")]

Identifier = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00]*\Z")]
"""An object's id in a body. An id of another form is that of no object."""
