"""What usage costs: the one calculation for invoices, for budgets in a region, and for comparing both.

Costs are in femtodollars (10**-15 of a dollar), which are exact for every price. No sum is ever a float.
"""

from enum import StrEnum
from typing import NamedTuple

from domicile.boundary.usage import ImageSize, ServiceTier, Usage
from domicile.catalogue.prices import ModelPrice

FEMTODOLLARS_IN_NANODOLLAR = 1_000_000


class Unit(StrEnum):
    """OpenAI's names for the units of a cost's quantity."""

    TOKENS = "tokens"
    CHARACTERS = "characters"
    SECONDS = "duration_seconds"
    IMAGES = "images"


class Charge(NamedTuple):
    """One line of an invoice."""

    line_item: str
    """As OpenAI words it: `gpt-4o-2024-08-06, cached input`, with `batch | ` or `scale tier | ` before it."""
    unit: Unit
    quantity: int
    """Milliseconds for `Unit.SECONDS`."""
    femtodollars: int


class Consumption(NamedTuple):
    """A quantity of one model's usage, under the conditions that its price depends on."""

    model: str
    usage: Usage
    tier: ServiceTier = ServiceTier.DEFAULT
    batch: bool = False
    image_size: ImageSize | None = None


def charges(consumption: Consumption, price: ModelPrice | None) -> list[Charge]:
    """The lines of what was consumed. Without a price they cost nothing. Quantities of 0 have no line.

    Lines of a batch cost half. Tokens of the Scale Tier cost nothing themselves: its units are paid by the day.
    """
    model, usage, tier, batch, size = consumption
    price = price or ModelPrice(model=model)
    cached = _cached(usage)
    rates = (
        ("input", Unit.TOKENS, usage.input_tokens - cached, price.input_tokens),
        ("cached input", Unit.TOKENS, cached, _cached_price(price)),
        ("output", Unit.TOKENS, usage.output_tokens, price.output_tokens),
        ("characters", Unit.CHARACTERS, usage.characters, price.characters),
        ("audio", Unit.SECONDS, usage.audio_milliseconds, price.audio_milliseconds),
        (f"image {size or 'of another size'}", Unit.IMAGES, usage.images, _image_price(price, size)),
    )
    prefix = "batch | " if batch else "scale tier | " if tier is ServiceTier.SCALE else ""
    is_free = {Unit.TOKENS} if tier is ServiceTier.SCALE else set()
    return [
        Charge(
            f"{prefix}{model}, {name}", unit, quantity, 0 if unit in is_free else _amount(quantity * each, batch=batch)
        )
        for name, unit, quantity, each in rates
        if quantity
    ]


def cost(consumption: Consumption, price: ModelPrice | None) -> int:
    """What was consumed costs so much, in femtodollars: the sum of its `charges`, in a microsecond."""
    if price is None:
        return 0
    usage = consumption.usage
    amount = usage.characters * price.characters + usage.audio_milliseconds * price.audio_milliseconds
    if usage.images:
        amount += usage.images * _image_price(price, consumption.image_size)
    if consumption.tier is not ServiceTier.SCALE:
        cached = _cached(usage)
        amount += (usage.input_tokens - cached) * price.input_tokens + usage.output_tokens * price.output_tokens
        if cached:
            amount += cached * _cached_price(price)
    return _amount(amount, batch=consumption.batch)


def _amount(femtodollars: int, *, batch: bool) -> int:
    # Prices are even, so half of an amount is exact.
    return femtodollars // 2 if batch else femtodollars


def _cached(usage: Usage) -> int:
    """Cached tokens are a part of the input's."""
    return min(usage.input_cached_tokens, usage.input_tokens)


def _cached_price(price: ModelPrice) -> int:
    return price.input_tokens if price.cached_input_tokens is None else price.cached_input_tokens


def _image_price(price: ModelPrice, size: ImageSize | None) -> int:
    for image in price.images:
        if image.size == size:
            return image.images
    return price.images[-1].images if price.images else 0
