"""`POST /v1/chat/completions`: plans, generates all choices concurrently, and stops when the client disconnects."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import msgspec
from starlette.routing import Route

from domicile.kernel.fair_turns import Tenant
from domicile.openai_api.chat_rules import check_chat_request
from domicile_engines.endpoints.chat_completions.capability import check_capability
from domicile_engines.endpoints.chat_completions.reply import ChatChunks, GeneratedMessage, unary
from domicile_engines.endpoints.generated import Envelope, TokenUsage
from domicile_engines.endpoints.http import HttpReply, ModelEndpoint, json_reader
from domicile_engines.endpoints.scheduled import ScheduledChat
from domicile_engines.models.smollm2.engine import ChatEngine
from domicile_engines.models.smollm2.generation import Generation
from domicile_engines.models.smollm2.plan import make_plan
from domicile_engines.models.smollm2.side_by_side import generating
from domicile_engines.models.vision.answering import MODEL_ID as VISION
from domicile_engines.models.vision.answering import Vision

LIMIT_BYTES = 32 * 1024 * 1024
"""Images are inside the body as base64, and the region adds the images that it has fetched."""

read_chat = json_reader(ScheduledChat, check_chat_request, check_capability, limit_bytes=LIMIT_BYTES)


class ChatCompletionsService:
    """The endpoint of the chat model and of the operator's vision model, if there is one."""

    def __init__(self, engine: ChatEngine, vision: Vision | None) -> None:
        """`engine`: shared with completions; this service lists and closes it. `vision`: None if none is configured."""
        self._engine = engine
        self._vision = vision

    def routes(self) -> Sequence[Route]:
        """The route of `POST /v1/chat/completions`."""
        return [Route("/v1/chat/completions", ModelEndpoint(read_chat, self._answer), methods=["POST"])]

    def describe(self) -> Sequence[dict[str, Any]]:
        """The entries of the chat model and of the vision model, if one is configured."""
        return [self._engine.describe(), *([self._vision.describe()] if self._vision is not None else [])]

    async def close(self) -> None:
        """Stop all generations and release both models."""
        await self._engine.close()
        if self._vision is not None:
            await self._vision.close()

    async def _answer(self, request: ScheduledChat, project: Tenant, reply: HttpReply) -> None:
        async with self._generating(request, project) as generation:
            await (_stream if request.streams else _whole)(reply, request, generation)

    def _generating(self, request: ScheduledChat, project: Tenant) -> AbstractAsyncContextManager[Generation]:
        if self._vision is not None and request.model == VISION:
            return self._vision.generating(request, project)
        return self._generating_text(request)

    @asynccontextmanager
    async def _generating_text(self, request: ScheduledChat) -> AsyncIterator[Generation]:
        engine = self._engine
        model = engine.ready_for(request.model)
        limits = {"prompt_limit": engine.prompt_limit, "context": engine.context}
        plan = await make_plan(model.llama, request, cache_salt=request.cache_salt, **limits)
        plans = [plan] * (request.n or 1)
        legacy = plan.calling is not None and plan.calling.legacy
        async with generating(engine, model, plans, seed=request.seed, priority=request.priority or 0) as events:
            yield Generation(engine.fingerprint, len(plan.prompt), legacy, events)


async def _whole(reply: HttpReply, request: ScheduledChat, generation: Generation) -> None:
    usage = TokenUsage(generation.prompt_tokens)
    messages = [GeneratedMessage(index, generation.legacy) for index in range(request.n or 1)]
    async for index, event in generation.events:
        usage.note(event)
        messages[index].note(event)
    envelope = Envelope(request.model, generation.fingerprint)
    await reply.json(msgspec.json.encode(unary(envelope, messages, usage, request)))


async def _stream(reply: HttpReply, request: ScheduledChat, generation: Generation) -> None:
    usage = TokenUsage(generation.prompt_tokens)
    chunks = ChatChunks(Envelope(request.model, generation.fingerprint), request, legacy=generation.legacy)
    async for index, event in generation.events:
        usage.note(event)
        chunk = chunks.of(index, event)
        if chunk is not None:
            await reply.event(msgspec.json.encode(chunk))
    if request.wants_usage_in_stream:
        await reply.event(msgspec.json.encode(chunks.usage(usage)))
    await reply.done()
