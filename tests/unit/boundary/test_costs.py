"""What usage costs: exact integers, cached tokens apart, a batch at half, the Scale Tier's tokens not at all."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile.boundary.costs import Consumption, Unit, charges, cost
from domicile.boundary.usage import ImageSize, ServiceTier, Usage
from domicile.catalogue.catalogue import load_catalogue
from domicile.catalogue.prices import FEMTODOLLARS, ModelPrice

PRICES = load_catalogue().prices
MODELS = sorted({price.model for price in PRICES.prices})
QUANTITY = st.integers(0, 2**40)


def lines(consumption: Consumption) -> list[tuple[str, str, int, Fraction]]:
    """Name, unit, quantity and dollars of each line."""
    found = charges(consumption, PRICES.at(consumption.model, 20_000))
    return [(each.line_item, each.unit, each.quantity, Fraction(each.femtodollars, FEMTODOLLARS)) for each in found]


def test_tokens_by_line_and_cached_ones_apart() -> None:
    usage = Usage(input_tokens=1_000_000, input_cached_tokens=400_000, output_tokens=100_000, output_reasoning_tokens=9)
    assert lines(Consumption("gpt-4o-2024-08-06", usage)) == [
        ("gpt-4o-2024-08-06, input", "tokens", 600_000, Fraction("1.5")),
        ("gpt-4o-2024-08-06, cached input", "tokens", 400_000, Fraction("0.5")),
        ("gpt-4o-2024-08-06, output", "tokens", 100_000, Fraction(1)),
    ]


def test_a_batch_costs_half_exactly() -> None:
    # A cached token of gpt-4o-mini in a batch costs 37.5 nanodollars.
    assert lines(Consumption("gpt-4o-mini-2024-07-18", Usage(1, 1, 0, 0), batch=True)) == [
        ("batch | gpt-4o-mini-2024-07-18, cached input", "tokens", 1, Fraction("0.0000000375"))
    ]


def test_tokens_of_the_scale_tier_are_paid_by_the_day() -> None:
    (line,) = lines(Consumption("gpt-4o-2024-08-06", Usage(input_tokens=7), ServiceTier.SCALE))
    assert line == ("scale tier | gpt-4o-2024-08-06, input", "tokens", 7, Fraction(0))


@pytest.mark.parametrize(
    ("model", "usage", "size", "line", "quantity", "dollars"),
    [
        ("tts-1", Usage(characters=1000), None, "characters", 1000, "0.015"),
        ("whisper-1", Usage(audio_milliseconds=90_000), None, "audio", 90_000, "0.009"),
        ("dall-e-3", Usage(images=2), ImageSize.SQUARE_1024, "image 1024x1024", 2, "0.08"),
        ("dall-e-3", Usage(images=1), ImageSize.PORTRAIT_1792, "image 1024x1792", 1, "0.08"),
        ("dall-e-3", Usage(images=1), None, "image of another size", 1, "0.08"),
        ("omni-moderation-latest", Usage(input_tokens=5), None, "input", 5, "0"),
    ],
)
def test_other_quantities(
    model: str, usage: Usage, size: ImageSize | None, line: str, quantity: int, dollars: str
) -> None:
    ((name, _, found, amount),) = lines(Consumption(model, usage, image_size=size))
    assert (name, found, amount) == (f"{model}, {line}", quantity, Fraction(dollars))


def test_a_model_without_a_price_costs_nothing_and_is_shown() -> None:
    consumption = Consumption("mine", Usage(input_tokens=3))
    assert cost(consumption, None) == 0
    assert [(each.line_item, each.unit, each.femtodollars) for each in charges(consumption, None)] == [
        ("mine, input", Unit.TOKENS, 0)
    ]


def test_without_a_price_for_cached_tokens_they_cost_as_others() -> None:
    price = ModelPrice(model="m", input_tokens=10)
    assert cost(Consumption("m", Usage(10, 4)), price) == 100


@given(
    st.sampled_from(MODELS),
    st.lists(st.tuples(QUANTITY, QUANTITY, QUANTITY, QUANTITY, QUANTITY, QUANTITY), min_size=1, max_size=5),
    st.booleans(),
    st.sampled_from([None, *ImageSize]),
)
def test_the_cost_of_a_sum_is_the_sum_of_the_costs(
    model: str, parts: list[tuple[int, ...]], batch: bool, size: ImageSize | None
) -> None:
    """So it does not matter how usage is summed on its way: by the second, by the minute or by the day."""
    usages = [Usage(part[0] + part[1], part[1], part[2], 0, *part[3:]) for part in parts]
    total = usages[0]
    for each in usages[1:]:
        total += each
    price = PRICES.at(model, 20_000)
    consumption = Consumption(model, total, batch=batch, image_size=size)
    apart = sum(cost(Consumption(model, each, batch=batch, image_size=size), price) for each in usages)
    assert cost(consumption, price) == apart == sum(each.femtodollars for each in charges(consumption, price))
