"""`POST /v1/chat/completions`: read, plan, generate all choices side by side, and stop the moment the client leaves."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress

import msgspec

from domicile.engine_server.chat.generation import Choice, Event, Plan
from domicile.engine_server.chat.plan import make_plan
from domicile.engine_server.chat.reply import Chunks, Envelope, Message, Usage, unary
from domicile.engine_server.chat.request import ChatRequest, decode
from domicile.engine_server.engine import Engine
from domicile.engine_server.http import EngineRequest, Reply

_SEED_BITS = 32


class ChatEndpoint:
    """Answers chat requests."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def answer(self, asked: EngineRequest, reply: Reply) -> None:
        """Answer, or raise why not."""
        request = decode(asked.body)
        engine = self._engine
        model = engine.ready_for(request.model)
        plan = await make_plan(model.llama, request, prompt_limit=engine.prompt_limit, context=engine.context)
        tickets = engine.slots.take_tickets(request.choices, plan.tenant, plan.prompt, request.priority or 0)
        seed = request.seed if request.seed is not None else secrets.randbits(_SEED_BITS)
        choices = [
            Choice(model.llama, model.enforcement, plan, (seed + index) % 2**_SEED_BITS).run(ticket)
            for index, ticket in enumerate(tickets)
        ]
        try:
            async with aclosing(_side_by_side(choices)) as events:
                if request.stream:
                    await self._stream(reply, request, plan, events)
                else:
                    await self._whole(reply, request, plan, events)
        finally:
            for ticket in tickets:
                engine.slots.give_back(ticket)

    async def _whole(
        self, reply: Reply, request: ChatRequest, plan: Plan, events: AsyncIterator[tuple[int, Event]]
    ) -> None:
        legacy = plan.calling is not None and plan.calling.legacy
        usage = Usage(len(plan.prompt))
        messages = [Message(index, legacy) for index in range(request.choices)]
        async for index, event in events:
            usage.note(event)
            messages[index].note(event)
        envelope = Envelope(request.model, self._engine.fingerprint)
        await reply.json(msgspec.json.encode(unary(envelope, messages, usage, request)))

    async def _stream(
        self, reply: Reply, request: ChatRequest, plan: Plan, events: AsyncIterator[tuple[int, Event]]
    ) -> None:
        legacy = plan.calling is not None and plan.calling.legacy
        usage = Usage(len(plan.prompt))
        chunks = Chunks(Envelope(request.model, self._engine.fingerprint), request, legacy=legacy)
        async for index, event in events:
            usage.note(event)
            chunk = chunks.of(index, event)
            if chunk is not None:
                await reply.event(msgspec.json.encode(chunk))
        if request.include_usage:
            await reply.event(msgspec.json.encode(chunks.usage(usage)))
        await reply.done()


async def _side_by_side(choices: list[AsyncGenerator[Event, None]]) -> AsyncGenerator[tuple[int, Event], None]:
    """All choices' events as they come. When this is left, every choice stops and its slot is free."""
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
