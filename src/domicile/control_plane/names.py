"""What a name may be, of whatever noun."""

from typing import Annotated

from msgspec import Meta

# No database but SQLite holds a NUL in text.
Name = Annotated[str, Meta(min_length=1, max_length=256, pattern=r"^[^\x00]*\Z")]
