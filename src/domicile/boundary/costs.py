"""What usage costs: the one calculation for invoices, for budgets in a region, and for comparing both.

Costs are in femtodollars (10**-15 of a dollar), which are exact for every price. No sum is ever a float.
"""

from collections.abc import Iterator
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
    model, _, tier, batch, _ = consumption
    prefix = "batch | " if batch else "scale tier | " if tier is ServiceTier.SCALE else ""
    return [
        Charge(f"{prefix}{model}, {name}", unit, quantity, amount)
        for name, unit, quantity, amount in _amounts(consumption, price or ModelPrice(model=model))
    ]


def cost(consumption: Consumption, price: ModelPrice | None) -> int:
    """What was consumed costs so much, in femtodollars: the sum of its `charges`."""
    return 0 if price is None else sum(amount for _, _, _, amount in _amounts(consumption, price))


def _amounts(consumption: Consumption, price: ModelPrice) -> Iterator[tuple[str, Unit, int, int]]:
    _, usage, tier, batch, image_size = consumption
    for name, unit, quantity, each in _rates(usage, price, image_size):
        if quantity:
            amount = quantity * each
            if unit is Unit.TOKENS and tier is ServiceTier.SCALE:
                amount = 0
            # Prices are even, so half of a price is exact.
            yield name, unit, quantity, amount // 2 if batch else amount


def _rates(usage: Usage, price: ModelPrice, image_size: ImageSize | None) -> Iterator[tuple[str, Unit, int, int]]:
    cached = min(usage.input_cached_tokens, usage.input_tokens)
    cached_price = price.input_tokens if price.cached_input_tokens is None else price.cached_input_tokens
    yield "input", Unit.TOKENS, usage.input_tokens - cached, price.input_tokens
    yield "cached input", Unit.TOKENS, cached, cached_price
    yield "output", Unit.TOKENS, usage.output_tokens, price.output_tokens
    yield "characters", Unit.CHARACTERS, usage.characters, price.characters
    yield "audio", Unit.SECONDS, usage.audio_milliseconds, price.audio_milliseconds
    if usage.images:
        yield f"image {image_size or 'of another size'}", Unit.IMAGES, usage.images, _of_size(price, image_size)


def _of_size(price: ModelPrice, size: ImageSize | None) -> int:
    for image in price.images:
        if image.size == size:
            return image.images
    return price.images[-1].images if price.images else 0
