"""Reads price files: the shipped one, and the operator's own in the same form."""

import datetime
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from msgspec import Meta, field

from domicile.catalogue.prices import (
    ImagePrice,
    ModelPrice,
    Price,
    PricedModel,
    PricedSize,
    PriceList,
    day_of,
    price_list,
)
from domicile.catalogue.tables import CatalogueError, Table, parse_table, read_table

_SHIPPED = "prices.toml"


class PriceTable(Table, frozen=True):
    """One `[[prices]]` entry. `valid_from`: a day at whose start, UTC, it begins; absent for a model's first version."""

    models: Annotated[tuple[PricedModel, ...], Meta(min_length=1)]
    valid_from: datetime.date | None = None
    input_tokens: Price = 0
    cached_input_tokens: Price | None = None
    output_tokens: Price = 0
    characters: Price = 0
    audio_milliseconds: Price = 0
    images: dict[PricedSize, Price] = field(default_factory=dict)


class PricesFile(Table, frozen=True):
    """A file of prices."""

    prices: tuple[PriceTable, ...] = ()


def load_prices(models: Iterable[str], operator_file: Path | None = None) -> PriceList:
    """The shipped prices and the operator's. `models`: the catalogue's snapshots. Raises `CatalogueError`.

    Raises it too for a price of an unknown model, for two versions of one day, and for a price that has no half: lines of a
    batch cost half.
    """
    shipped = parse_table(
        files("domicile.catalogue").joinpath("data", _SHIPPED).read_text("utf-8"), PricesFile, _SHIPPED
    )
    own = PricesFile() if operator_file is None else read_table(operator_file, PricesFile)
    return price_list(_checked(shipped, models, _SHIPPED), _checked(own, models, str(operator_file)))


def _checked(file: PricesFile, models: Iterable[str], source: str) -> list[ModelPrice]:
    known, seen = frozenset(models), set()
    prices = [price for table in file.prices for price in _prices(table)]
    for price in prices:
        if price.model not in known:
            raise CatalogueError(f"{source}: '{price.model}' is not the name of a model (an alias is not enough)")
        if (price.model, price.valid_from) in seen:
            raise CatalogueError(f"{source}: '{price.model}' has two prices from the same day on")
        seen.add((price.model, price.valid_from))
        amounts = (price.input_tokens, price.cached_input_tokens or 0, price.output_tokens, price.characters)
        if any(amount % 2 for amount in (*amounts, price.audio_milliseconds, *(each.images for each in price.images))):
            raise CatalogueError(f"{source}: a price of '{price.model}' is odd: lines of a batch cost half of it")
    return prices


def _prices(table: PriceTable) -> list[ModelPrice]:
    images = tuple(ImagePrice(size, each) for size, each in sorted(table.images.items(), key=lambda item: item[1]))
    return [
        ModelPrice(
            model=model,
            valid_from=0 if table.valid_from is None else day_of(table.valid_from),
            input_tokens=table.input_tokens,
            cached_input_tokens=table.cached_input_tokens,
            output_tokens=table.output_tokens,
            characters=table.characters,
            audio_milliseconds=table.audio_milliseconds,
            images=images,
        )
        for model in table.models
    ]
