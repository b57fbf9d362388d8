"""Usage that arrives late, twice and in disorder: usage, costs and spending are those of a plain recount."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest
from sqlalchemy import func, select

from domicile.boundary.spending import month_of
from domicile.boundary.usage import ImageSize, Usage, UsageDelta
from domicile.catalogue.endpoints import Endpoint
from domicile.control_plane.database import tables
from domicile.kernel.ids import new_id
from tests.component.control_plane.platform_under_test import SHARED_LOOP, Platform
from tests.component.control_plane.usage.consumer import DAY, Consumer, consumer

DAYS = 3
AT_ONCE = 5_000
"""Requests that a writer sums before it reports."""
DELTAS = 256

# By model, dollars for a million: tokens of input, cached ones, and of output, or the quantity itself.
TOKENS = {
    "gpt-4o-2024-08-06": ("2.5", "1.25", "10"),
    "gpt-4o-mini-2024-07-18": ("0.15", "0.075", "0.6"),
    "o1-2024-12-17": ("15", "7.5", "60"),
    "gpt-4-0613": ("30", "30", "60"),
}
OTHERS = {
    "tts-1": (Endpoint.AUDIO_SPEECH, "characters", "15"),
    "whisper-1": (Endpoint.AUDIO_TRANSCRIPTIONS, "audio_milliseconds", "0.1"),
    "dall-e-3": (Endpoint.IMAGES_GENERATIONS, "images", "40000"),
}


@dataclass(frozen=True)
class Event:
    """One request."""

    who: int
    minute: int
    model: str
    batch: bool
    quantities: tuple[int, int, int]
    """Input, cached and output; or the quantity itself first."""

    @property
    def dollars(self) -> Fraction:
        """By the published prices, and not by the program's own."""
        first, cached, last = self.quantities
        if self.model in TOKENS:
            prices = [Fraction(price) for price in TOKENS[self.model]]
            amount = (first - cached) * prices[0] + cached * prices[1] + last * prices[2]
        else:
            amount = first * Fraction(OTHERS[self.model][2])
        return amount / 1_000_000 / (2 if self.batch else 1)

    def usage(self) -> Usage:
        if self.model in TOKENS:
            return Usage(*self.quantities)
        return Usage(**{OTHERS[self.model][1]: self.quantities[0]})


def some_events(rng: random.Random, consumers: int, count: int) -> Iterator[Event]:
    models = [*TOKENS, *OTHERS]
    for _ in range(count):
        tokens = rng.randrange(5000)
        yield Event(
            who=rng.randrange(consumers),
            # Mostly in a few minutes, as it is, and sometimes anywhere.
            minute=DAY // 60 + (rng.randrange(DAYS) * 1440 + rng.randrange(5 if rng.random() < 0.9 else 1440)),
            model=rng.choice(models),
            batch=rng.random() < 0.3,
            quantities=(tokens, rng.randrange(tokens + 1), rng.randrange(1000)),
        )


def deltas_of(consumers: list[Consumer], events: list[Event]) -> list[tuple[int, UsageDelta]]:
    """Summed by the minute, key and model, as a region does; with the consumer to whose region each belongs."""
    sums: dict[tuple[int, int, str, bool], Usage] = {}
    counts: Counter[tuple[int, int, str, bool]] = Counter()
    for event in events:
        place = (event.who, event.minute, event.model, event.batch)
        sums[place] = sums.get(place, Usage()) + event.usage()
        counts[place] += 1
    return [
        (
            who,
            consumers[who].delta(
                minute * 60,
                model=model,
                batch=batch,
                usage=usage,
                requests=counts[who, minute, model, batch],
                endpoint=OTHERS[model][0] if model in OTHERS else Endpoint.CHAT_COMPLETIONS,
                image_size=ImageSize.SQUARE_1024 if model == "dall-e-3" else None,
            ),
        )
        for (who, minute, model, batch), usage in sums.items()
    ]


@SHARED_LOOP
@pytest.mark.parametrize(
    "count", [10_000, pytest.param(1_000_000, marks=(pytest.mark.long, pytest.mark.timeout(1800)))]
)
async def test_a_bill_is_that_of_a_plain_recount(shared: Platform, count: int) -> None:
    rng = random.Random(count)
    consumers = [await consumer(shared, shared.regions[code]) for code in ("us", "eu", "us", "eu")]
    by_project: defaultdict[tuple[str, int], Fraction] = defaultdict(Fraction)
    requests: Counter[str] = Counter()
    sent: list[tuple[int, int, tuple[UsageDelta, ...]]] = []
    for start in range(0, count, AT_ONCE):
        events = list(some_events(rng, len(consumers), min(AT_ONCE, count - start)))
        for event in events:
            by_project[consumers[event.who].project_id, (event.minute - DAY // 60) // 1440] += event.dollars
            requests[consumers[event.who].project_id] += 1
        deltas = deltas_of(consumers, events)
        for who in range(len(consumers)):
            own = [delta for each, delta in deltas if each == who]
            for first in range(0, len(own), DELTAS):
                consumers[who].reported += 1
                sent.append((who, consumers[who].reported, tuple(own[first : first + DELTAS])))
    # Each at least once, a third of them again, in any order.
    sent += rng.sample(sent, len(sent) // 3)
    rng.shuffle(sent)
    for who, number, part in sent:
        assert (await consumers[who].report(*part, number=number)).status == 200
    for each in consumers:
        path = f"start_time={DAY}&end_time={DAY + DAYS * 86_400}&project_ids={each.project_id}"
        _, costs = await shared.ask("GET", f"/v1/organization/costs?{path}", key=each.admin_key)
        found = [bucket["results"][0]["amount"]["value"] for bucket in costs["data"]]
        # The nearest number that JSON has: not one femtodollar was lost on the way to it.
        assert found == [float(by_project[each.project_id, day]) for day in range(DAYS)]
        assert await _requests(shared, each) == requests[each.project_id]
        assert await _spent(shared, each) == sum(by_project[each.project_id, day] for day in range(DAYS))


async def _requests(platform: Platform, who: Consumer) -> int:
    table = tables.usage_minute
    async with platform.running.database.reading(rows_of="*") as connection:
        query = select(func.sum(table.c.requests)).where(table.c.project_id == who.project_id)
        return int((await connection.execute(query)).scalar_one())


async def _spent(platform: Platform, who: Consumer) -> Fraction:
    """What limits and alerts see: exact to the femtodollar."""
    table = tables.spending
    async with platform.running.database.reading(rows_of="*") as connection:
        row: Any = (await connection.execute(select(table).where(table.c.project_id == who.project_id))).one()
    assert row.month == month_of(DAY * 1000)
    return Fraction(row.nanodollars, 10**9) + Fraction(row.femtodollars, 10**15)


@SHARED_LOOP
async def test_a_refused_report_costs_nothing_and_may_come_again(shared: Platform) -> None:
    who = await consumer(shared, shared.regions["us"])
    refused = await who.report(who.delta(), who.delta(key_id=new_id("key_")), number=1)
    assert refused.status == 403
    assert (await who.report(who.delta(usage=Usage(output_tokens=1000)), number=1)).status == 200
    assert await _spent(shared, who) == Fraction("0.01")
