"""Who generates next, and on which slot: a bounded, fair queue, and a prompt cache that no two tenants share."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from domicile.kernel.fair_turns import FairTurns, Project
from domicile_engines.runtime.places import WAITING_MAX, Places


@dataclass
class Slot:
    """One of the model's sequences, and whose prompt its KV cache holds.

    `tenant` and `tokens` describe what the model has really computed there, so they are only written once it has:
    a request that is dropped before its first batch ran must not sign another tenant's leftovers with its name.
    """

    number: int
    tenant: str | None = None
    tokens: Sequence[int] = ()

    def reusable_prefix(self, tenant: str | None, prompt: Sequence[int]) -> int | None:
        """How many leading tokens may be reused; None: nothing here is this tenant's, start from nothing."""
        if tenant is None or self.tenant != tenant:
            return None
        shared = 0
        for held, wanted in zip(self.tokens, prompt, strict=False):
            if held != wanted:
                break
            shared += 1
        return shared

    def begin(self) -> None:
        """The cache is about to change hands."""
        self.tenant = None
        self.tokens = ()

    def computed(self, tenant: str | None, tokens: Sequence[int]) -> None:
        """The model has read `tokens` here, for `tenant`."""
        self.tenant = tenant
        self.tokens = tokens


@dataclass(eq=False)
class Ticket:
    """A place in the queue for one generation. Use it as an async context manager: it waits, and gives back."""

    queue: "SlotQueue"
    tenant: Project
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
    """Hands out slots in turns (`kernel.fair_turns`), so a flood only delays its sender."""

    def __init__(self, slots: int, waiting_max: int = WAITING_MAX) -> None:
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

    def take_tickets(self, prompts: Sequence[Sequence[int]], tenant: Project, priority: int = 0) -> list[Ticket]:
        """A place for each of a request's prompts, or none: a request is refused before it has begun, not half way."""
        self._places.take(tenant, len(prompts))
        return [Ticket(self, tenant, prompt, priority) for prompt in prompts]

    async def slot_for(self, ticket: Ticket) -> Slot:
        """Wait for the ticket's turn, and choose a slot for it."""
        if not self._turns.begin(ticket.tenant):
            await self._turns.wait(ticket.tenant, ticket.priority)
        return self._choose(ticket.tenant, ticket.prompt)

    def give_back(self, ticket: Ticket) -> None:
        """End a ticket, served or not. Ending it twice is harmless."""
        if ticket.ended:
            return
        ticket.ended = True
        self._places.give_back(ticket.tenant)
        if ticket.slot is not None:
            self._idle.append(ticket.slot)
            self._turns.leave(ticket.tenant)

    def _choose(self, tenant: str | None, prompt: Sequence[int]) -> Slot:
        """The idle slot that saves the tenant most work, else one nobody can reuse, else the longest idle one."""

        def worth(index: int) -> tuple[int, bool]:
            slot = self._idle[index]
            return slot.reusable_prefix(tenant, prompt) or 0, slot.tenant is None

        # max() keeps the first of equals, and slots come back at the end of the list.
        return self._idle.pop(max(range(len(self._idle)), key=worth))
