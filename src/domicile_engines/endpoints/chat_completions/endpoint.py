"""`POST /v1/chat/completions`: read, plan, generate all choices side by side, and stop the moment the client leaves."""

from collections.abc import AsyncIterator

import msgspec

from domicile_engines.endpoints.chat_completions.reply import Chunks, Envelope, Message, Usage, unary
from domicile_engines.endpoints.http import EngineRequest, Reply
from domicile_engines.models.smollm2.engine import Engine
from domicile_engines.models.smollm2.generation import Event, Plan
from domicile_engines.models.smollm2.plan import make_plan
from domicile_engines.models.smollm2.request import ChatRequest, decode
from domicile_engines.models.smollm2.side_by_side import generating


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
        plans = [plan] * request.choices
        async with generating(engine, model, plans, seed=request.seed, priority=request.priority or 0) as events:
            if request.stream:
                await self._stream(reply, request, plan, events)
            else:
                await self._whole(reply, request, plan, events)

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
