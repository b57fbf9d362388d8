"""Hard spending limits. The region knows its own spending; what is spent elsewhere goes down in the snapshot.

Money is in billionths of a US dollar ("nanodollars"), an integer.
"""

from typing import Annotated

from msgspec import Meta, Struct

NANODOLLARS = 1_000_000_000
"""In a dollar."""

Nanodollars = Annotated[int, Meta(ge=0, le=2**62)]
Month = Annotated[int, Meta(ge=0, le=2**20, description="calendar months since January 1970, UTC")]


class SpendingLimit(Struct, frozen=True, forbid_unknown_fields=True):
    """What a project or an organization may spend in each month, and what it has spent in other regions in `month`.

    In a later month nothing has been spent elsewhere yet, as far as this record knows.
    """

    limit: Nanodollars
    month: Month
    elsewhere: Nanodollars
