"""Prices: OpenAI's published ones, exact; their past is never edited; an operator's file comes after the shipped one."""

import datetime
import hashlib
from pathlib import Path

import pytest

from domicile.catalogue.catalogue import load_catalogue
from domicile.catalogue.prices import ModelPrice, PriceList, date_of, day_of
from domicile.catalogue.tables import CatalogueError, canonical

RELEASED = day_of(datetime.date(2026, 11, 30))
"""What was valid on this day stands in invoices. A later release moves the day, and with it the digest."""
PAST = "a8715b274bf8a840"


def own(tmp_path: Path, text: str) -> PriceList:
    file = tmp_path / "prices.toml"
    file.write_text(text)
    return load_catalogue(prices_file=file).prices


def test_the_past_of_the_shipped_prices_is_never_edited() -> None:
    """An invoice of last month must not change with a release. To change a price, add a version with a later day."""
    past = [price for price in load_catalogue().prices.prices if price.valid_from <= RELEASED]
    assert hashlib.sha256(canonical(past)).hexdigest()[:16] == PAST


@pytest.mark.contract("C18")
def test_every_model_has_a_price_that_names_no_region() -> None:
    catalogue = load_catalogue()
    for entry in catalogue.entries.values():
        assert catalogue.prices.at(entry.name, RELEASED) is not None, entry.name
    assert not {"region", "regions"} & set(ModelPrice.__struct_fields__)


@pytest.mark.parametrize(
    ("model", "member", "dollars", "units"),
    [
        ("gpt-4o-2024-08-06", "input_tokens", 2.5, 1_000_000),
        ("gpt-4o-2024-08-06", "cached_input_tokens", 1.25, 1_000_000),
        ("gpt-4o-mini-2024-07-18", "cached_input_tokens", 0.075, 1_000_000),
        ("text-embedding-3-small", "input_tokens", 0.02, 1_000_000),
        ("tts-1", "characters", 15, 1_000_000),
        ("whisper-1", "audio_milliseconds", 0.006, 60_000),
    ],
)
def test_published_prices_are_exact(model: str, member: str, dollars: float, units: int) -> None:
    price = load_catalogue().prices.at(model, RELEASED)
    assert price is not None
    assert getattr(price, member) * units == round(dollars * 1000) * 10**12


def test_a_version_is_valid_from_its_day_until_the_next() -> None:
    first, second = ModelPrice(model="m", input_tokens=2), ModelPrice(model="m", valid_from=10, input_tokens=4)
    prices = PriceList([second, first])
    assert [prices.at("m", day) for day in (0, 9, 10, 11)] == [first, first, second, second]
    assert prices.at("other", 9) is None
    assert PriceList([second]).at("m", 9) is None
    assert prices.versions("m") == (second, first)


def test_an_operators_versions_follow_the_shipped_ones(tmp_path: Path) -> None:
    later = own(tmp_path, '[[prices]]\nmodels = ["tts-1"]\nvalid_from = 2027-01-01\ncharacters = 2\n')
    assert [price.characters for price in later.versions("tts-1")] == [2, 15_000_000_000]
    assert date_of(later.versions("tts-1")[0].valid_from) == datetime.date(2027, 1, 1)
    always = own(tmp_path, '[[prices]]\nmodels = ["tts-1", "whisper-1"]\n')
    assert [price.characters for price in always.versions("tts-1")] == [0]
    assert len(always.versions("dall-e-3")) == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('models = ["gpt-4o"]', "not the name of a model"),
        ('models = ["tts-1"]\ncharacters = 3', "odd"),
        ('models = ["tts-1"]\ncharacters = -2', ">= 0"),
        ('models = ["tts-1"]\ncharacters = 1.5', "int"),
        ('models = ["tts-1"]\nregion = "eu"', "region"),
        ('models = ["dall-e-3"]\nimages = { "big" = 2 }', "images"),
        ('models = ["tts-1", "tts-1"]', "the same day"),
    ],
)
def test_a_file_that_cannot_be_right_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(CatalogueError, match=problem):
        own(tmp_path, f"[[prices]]\n{text}\n")
