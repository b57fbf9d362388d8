"""The queue of slots: fair, bounded, and no tenant ever reuses what another left."""

import asyncio

import pytest

from domicile.kernel.errors import DomicileError
from domicile_engines.runtime.llama.slots import Slot, SlotQueue, Ticket


async def test_a_slot_is_reused_only_by_the_tenant_whose_prompt_it_holds() -> None:
    queue = SlotQueue(1)
    (first,) = queue.take_tickets([[1, 2, 3]], "a")
    async with first as slot:
        slot.begin()
        slot.computed("a", [1, 2, 3])
    (other,) = queue.take_tickets([[1, 2, 3]], "b")
    async with other as slot:
        assert slot.reusable_prefix("b", [1, 2, 3]) is None
        assert slot.reusable_prefix("a", [1, 2, 9]) == 2


async def test_no_tenant_never_reuses_anything() -> None:
    queue = SlotQueue(1)
    for _ in range(2):
        (ticket,) = queue.take_tickets([[1]], None)
        async with ticket as slot:
            assert slot.reusable_prefix(None, [1]) is None
            slot.computed(None, [1])


async def test_a_request_dropped_before_it_computed_anything_does_not_sign_the_leftovers() -> None:
    queue = SlotQueue(1)
    (first,) = queue.take_tickets([[1, 2]], "a")
    async with first as slot:
        slot.computed("a", [1, 2])
    (dropped,) = queue.take_tickets([[1, 2]], "b")
    async with dropped as slot:
        slot.begin()
    (again,) = queue.take_tickets([[1, 2]], "b")
    async with again as slot:
        assert slot.reusable_prefix("b", [1, 2]) is None


async def test_the_slot_with_the_longest_own_prefix_is_chosen() -> None:
    queue = SlotQueue(3)
    tickets = queue.take_tickets([[]] * 3, "a")
    slots = [await ticket.__aenter__() for ticket in tickets]
    for slot, tokens in zip(slots, ([1], [1, 2, 3], [1, 2]), strict=True):
        slot.computed("a", tokens)
    for ticket in tickets:
        queue.give_back(ticket)
    (ticket,) = queue.take_tickets([[1, 2, 3, 4]], "a")
    async with ticket as slot:
        assert slot is slots[1]


async def test_a_stranger_takes_an_unowned_slot_before_somebody_elses() -> None:
    queue = SlotQueue(2)
    (ticket,) = queue.take_tickets([[]], "a")
    async with ticket as owned:
        owned.computed("a", [1])
    (stranger,) = queue.take_tickets([[1]], "b")
    async with stranger as slot:
        assert slot is not owned


async def entered(ticket: Ticket) -> "asyncio.Task[Slot]":
    task = asyncio.create_task(ticket.__aenter__())
    await asyncio.sleep(0)
    return task


async def test_tenants_take_turns() -> None:
    queue = SlotQueue(1)
    (running,) = queue.take_tickets([[]], "x")
    await (await entered(running))
    flood = queue.take_tickets([[]] * 3, "flood")
    (single,) = queue.take_tickets([[]], "single")
    tasks = [await entered(ticket) for ticket in (*flood, single)]
    order = []
    for ended in (running, flood[0], single, *flood[1:]):
        queue.give_back(ended)
        await asyncio.sleep(0)
        order.append([task.done() for task in tasks])
    assert order[0] == [True, False, False, False]
    assert order[1] == [True, False, False, True]
    assert queue.idle == 1


async def test_a_lower_priority_number_goes_first() -> None:
    queue = SlotQueue(1)
    (running,) = queue.take_tickets([[]], "x")
    await (await entered(running))
    later = await entered(*queue.take_tickets([[]], "a", priority=10))
    sooner = await entered(*queue.take_tickets([[]], "b", priority=-1))
    queue.give_back(running)
    await sooner
    assert not later.done()
    later.cancel()
    await asyncio.wait([later])


async def test_a_full_queue_refuses_and_says_when_to_come_back() -> None:
    queue = SlotQueue(2, waiting_max=6)
    queue.take_tickets([[]] * 3, "a")
    with pytest.raises(DomicileError) as refused:
        queue.take_tickets([[]] * 2, "a")
    assert (refused.value.category.value[0], refused.value.code) == (429, "rate_limit_exceeded")
    assert refused.value.retry_after_s
    queue.take_tickets([[]], "a")


async def test_a_flood_leaves_places_for_others() -> None:
    queue = SlotQueue(4)
    with pytest.raises(DomicileError):
        for _ in range(330):
            queue.take_tickets([[]], "flood")
    assert len(queue.take_tickets([[]] * 8, "single")) == 8


async def test_places_come_back() -> None:
    queue = SlotQueue(1, waiting_max=3)
    for _ in range(10):
        (ticket,) = queue.take_tickets([[]], "a")
        queue.give_back(ticket)
    assert len(queue.take_tickets([[]] * 2, "a")) == 2


async def test_leaving_the_line_makes_room_and_giving_back_twice_is_harmless() -> None:
    queue = SlotQueue(1)
    (running,) = queue.take_tickets([[]], "a")
    await (await entered(running))
    (waiting,) = queue.take_tickets([[]], "b")
    task = await entered(waiting)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert queue.waiting == 0
    queue.give_back(running)
    queue.give_back(running)
    queue.give_back(waiting)
    assert queue.idle == 1


async def test_a_slot_that_comes_free_for_one_that_leaves_goes_to_the_next() -> None:
    queue = SlotQueue(1)
    running, left, following = (queue.take_tickets([[]], "a")[0] for _ in range(3))
    await (await entered(running))
    task, next_one = await entered(left), await entered(following)
    queue.give_back(running)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await next_one).number == 0
