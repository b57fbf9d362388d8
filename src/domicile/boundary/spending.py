"""Hard spending limits. The region knows its own spending; what is spent elsewhere goes down in the snapshot.

Money is in billionths of a US dollar ("nanodollars"), an integer.
"""

from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta, Struct

NANODOLLARS = 1_000_000_000
"""In a dollar."""

Nanodollars = Annotated[int, Meta(ge=0, le=2**62)]
Month = Annotated[int, Meta(ge=0, le=2**20, description="calendar months since January 1970, UTC")]


def month_of(at_ms: int) -> int:
    """The calendar month of a time in Unix milliseconds: months since January 1970, UTC."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return (moment.year - 1970) * 12 + moment.month - 1


def month_start_ms(month: int) -> int:
    """The time at which a month begins, in Unix milliseconds."""
    years, months = divmod(month, 12)
    return int(datetime(1970 + years, months + 1, 1, tzinfo=UTC).timestamp()) * 1000


class SpendingLimit(Struct, frozen=True, forbid_unknown_fields=True):
    """What a project or an organization may spend in each month, and what it has spent in other regions in `month`.

    In a later month nothing has been spent elsewhere yet, as far as this record knows.
    """

    limit: Nanodollars
    month: Month
    elsewhere: Nanodollars
