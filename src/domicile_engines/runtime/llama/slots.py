"""Assigns slots to generations: a bounded, fair queue, and a prompt cache that tenants never share."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from domicile.kernel.fair_turns import FairTurns, Tenant
from domicile_engines.runtime.places import WAITING_MAX, Places


@dataclass
class Slot:
    """One of the model's sequences, with the owner and the tokens of its KV cache.

    `tenant` and `tokens` are set only after the model has computed them. Otherwise a request that is dropped before its first
    batch would mark another tenant's cache as its own.
    """

    number: int
    tenant: str | None = None
    tokens: Sequence[int] = ()

    def reusable_prefix(self, tenant: str | None, prompt: Sequence[int]) -> int | None:
        """How many leading tokens may be reused. None if the cache is not this tenant's and must be discarded."""
        if tenant is None or self.tenant != tenant:
            return None
        shared = 0
        for held, wanted in zip(self.tokens, prompt, strict=False):
            if held != wanted:
                break
            shared += 1
        return shared

    def begin(self) -> None:
        """Clear the owner, before the model overwrites the cache."""
        self.tenant = None
        self.tokens = ()

    def computed(self, tenant: str | None, tokens: Sequence[int]) -> None:
        """Record that the model has read `tokens` into this slot for `tenant`."""
        self.tenant = tenant
        self.tokens = tokens


@dataclass(eq=False)
class Ticket:
    """A place in the queue for one generation. As an async context manager it waits for a slot and gives it back."""

    queue: "SlotQueue"
    tenant: Tenant
    prompt: Sequence[int] = field(repr=False)
    priority: int
    slot: Slot | None = None
    ended: bool = False

    async def __aenter__(self) -> Slot:
        try:
            self.slot = await self.queue.slot_for(self)
        except BaseException:
            self.queue.give_back(self)
            raise
        return self.slot

    async def __aexit__(self, *_: object) -> None:
        self.queue.give_back(self)


class SlotQueue:
    """Gives slots to tenants in turns (`kernel.fair_turns`), so a flood of requests delays only its own tenant."""

    def __init__(self, slots: int, waiting_max: int = WAITING_MAX) -> None:
        """`slots`: generations at the same time. `waiting_max`: generations that may wait for a slot."""
        self._idle = [Slot(number) for number in range(slots)]
        self._places = Places(slots + waiting_max)
        self._turns = FairTurns(places=slots, places_of_one=slots)

    @property
    def waiting(self) -> int:
        """How many generations wait for a slot."""
        return self._turns.waiting

    @property
    def idle(self) -> int:
        """How many slots are free."""
        return len(self._idle)

    def take_tickets(self, prompts: Sequence[Sequence[int]], tenant: Tenant, priority: int = 0) -> list[Ticket]:
        """Take a place for each prompt of a request, or none. Raises `DomicileError` 429 if the queue is full."""
        self._places.take(tenant, len(prompts))
        return [Ticket(self, tenant, prompt, priority) for prompt in prompts]

    async def slot_for(self, ticket: Ticket) -> Slot:
        """Wait for the ticket's turn and return a slot for it."""
        if not self._turns.begin(ticket.tenant, ticket.priority):
            await self._turns.wait(ticket.tenant, ticket.priority)
        return self._choose(ticket.tenant, ticket.prompt)

    def give_back(self, ticket: Ticket) -> None:
        """End a ticket and free its place and slot. A second call has no effect."""
        if ticket.ended:
            return
        ticket.ended = True
        self._places.give_back(ticket.tenant)
        if ticket.slot is not None:
            self._idle.append(ticket.slot)
            self._turns.leave(ticket.tenant, ticket.priority)

    def _choose(self, tenant: str | None, prompt: Sequence[int]) -> Slot:
        """The idle slot with the longest reusable prefix; else one without an owner; else the one idle for longest."""

        def worth(index: int) -> tuple[int, bool]:
            slot = self._idle[index]
            return slot.reusable_prefix(tenant, prompt) or 0, slot.tenant is None

        # max() returns the first of equal slots, and freed slots go to the end of the list.
        return self._idle.pop(max(range(len(self._idle)), key=worth))
