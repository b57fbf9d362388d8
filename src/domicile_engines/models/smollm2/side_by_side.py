"""Runs all generations of a request concurrently, each on its own slot."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress

from domicile_engines.models.smollm2.engine import ChatEngine, LoadedModel
from domicile_engines.models.smollm2.generation import ChoiceGeneration, Event, Plan

_SEED_BITS = 32


@asynccontextmanager
async def generating(
    engine: ChatEngine, model: LoadedModel, plans: Sequence[Plan], *, seed: int | None, priority: int
) -> AsyncIterator[AsyncIterator[tuple[int, Event]]]:
    """Run all plans and yield their events, each with the index of its plan.

    Either all plans get a place in the queue, or the request gets a 429. Plan i has the seed `seed` + i; the first seed is
    random if `seed` is None. Leaving the context stops every generation and frees its slot.
    """
    tickets = engine.slots.take_tickets([plan.prompt for plan in plans], plans[0].tenant, priority)
    first = seed if seed is not None else secrets.randbits(_SEED_BITS)
    choices = [
        ChoiceGeneration(model.llama, model.enforcement, plan, (first + index) % 2**_SEED_BITS).run(ticket)
        for index, (plan, ticket) in enumerate(zip(plans, tickets, strict=True))
    ]
    try:
        async with aclosing(_side_by_side(choices)) as events:
            yield events
    finally:
        for ticket in tickets:
            engine.slots.give_back(ticket)


async def _side_by_side(choices: list[AsyncGenerator[Event, None]]) -> AsyncGenerator[tuple[int, Event], None]:
    """Yield the events of all choices as they arrive. Closing the iteration stops every choice and frees its slot."""
    events: asyncio.Queue[tuple[int, Event] | None] = asyncio.Queue()

    async def follow(index: int, choice: AsyncGenerator[Event, None]) -> None:
        try:
            async with aclosing(choice):
                async for event in choice:
                    events.put_nowait((index, event))
        finally:
            events.put_nowait(None)

    tasks = [asyncio.create_task(follow(index, choice)) for index, choice in enumerate(choices)]
    try:
        running = len(tasks)
        while running:
            event = await events.get()
            if event is not None:
                yield event
                continue
            running -= 1
            for task in tasks:
                if task.done() and not task.cancelled() and task.exception() is not None:
                    await task
    finally:
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
