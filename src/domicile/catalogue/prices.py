"""What models cost: versions of prices, each valid from a day on, the same in every region (contract C18).

A price is an integer: nanodollars for 1,000,000 units, which is also femtodollars (10**-15 of a dollar) for one. So a request's
cost is a product of integers, and sums of costs are exact.
"""

import datetime
from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta, Struct

FEMTODOLLARS = 10**15
"""In a dollar."""

Price = Annotated[int, Meta(ge=0, le=2**53, description="nanodollars for 1,000,000 units; femtodollars for one")]
Day = Annotated[int, Meta(ge=0, le=2**20, description="days since 1970-01-01, UTC")]
PricedModel = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}\Z")]
PricedSize = Annotated[str, Meta(pattern=r"^[0-9]{3,5}x[0-9]{3,5}\Z")]

_EPOCH = datetime.date(1970, 1, 1).toordinal()


class ImagePrice(Struct, frozen=True, forbid_unknown_fields=True):
    """What images of one size cost."""

    size: PricedSize
    images: Price


class ModelPrice(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One version of a model's prices: valid from the start of a day, UTC, until the model's next version."""

    model: PricedModel
    valid_from: Day = 0
    input_tokens: Price = 0
    cached_input_tokens: Price | None = None
    """None: as `input_tokens`."""
    output_tokens: Price = 0
    characters: Price = 0
    audio_milliseconds: Price = 0
    images: tuple[ImagePrice, ...] = ()
    """By size, the dearest last. An image of another size costs as the dearest."""


class PriceList:
    """All versions of all prices. Immutable."""

    def __init__(self, prices: Iterable[ModelPrice] = ()) -> None:
        self.prices = tuple(sorted(prices, key=lambda price: (price.model, price.valid_from)))
        self._versions: dict[str, list[ModelPrice]] = {}
        for price in self.prices:
            self._versions.setdefault(price.model, []).insert(0, price)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PriceList) and other.prices == self.prices

    def __hash__(self) -> int:
        return hash(self.prices)

    def at(self, model: str, day: int) -> ModelPrice | None:
        """The price of a model on a day, in days since 1970-01-01. None for a model without one, which costs nothing."""
        for price in self._versions.get(model, ()):
            if price.valid_from <= day:
                return price
        return None

    def versions(self, model: str) -> tuple[ModelPrice, ...]:
        """The versions of a model's prices, the newest first."""
        return tuple(self._versions.get(model, ()))


def price_list(shipped: Iterable[ModelPrice], own: Iterable[ModelPrice]) -> PriceList:
    """The shipped prices with the operator's: from an operator's first version on, a model has no shipped ones."""
    own = tuple(own)
    starts: dict[str, int] = {}
    for price in own:
        starts[price.model] = min(price.valid_from, starts.get(price.model, price.valid_from))
    kept = (price for price in shipped if price.valid_from < starts.get(price.model, 2**20))
    return PriceList((*kept, *own))


def day_of(date: datetime.date) -> int:
    """Days since 1970-01-01."""
    return date.toordinal() - _EPOCH


def date_of(day: int) -> datetime.date:
    """The date of a number of days since 1970-01-01."""
    return datetime.date.fromordinal(day + _EPOCH)
