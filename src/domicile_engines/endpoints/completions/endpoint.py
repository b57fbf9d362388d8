"""`POST /v1/completions`: read, count, go on with every prompt side by side, and stop the moment the client leaves."""

import asyncio
import secrets
from collections.abc import AsyncIterator

import msgspec

from domicile_engines.endpoints.chat_completions.reply import Envelope
from domicile_engines.endpoints.completions.reply import Chunks, Completion, Count, whole
from domicile_engines.endpoints.completions.request import CompletionRequest, decode, prompts
from domicile_engines.endpoints.http import EngineRequest, Reply
from domicile_engines.models.smollm2.engine import Engine
from domicile_engines.models.smollm2.generation import Event, Plan
from domicile_engines.models.smollm2.plan import check_length
from domicile_engines.models.smollm2.sampling import sampling
from domicile_engines.models.smollm2.side_by_side import generating
from domicile_engines.runtime.errors import too_long
from domicile_engines.runtime.llama.server import Llama

BODY_BYTES_MAX = 4 * 1024 * 1024
"""Many prompts, or their tokens."""
# The API's own default.
_TOKENS = 16
# The vocabulary's `<|endoftext|>`, which separates documents.
_DOCUMENT_BEGINS = 0

Events = AsyncIterator[tuple[int, Event]]


class CompletionsEndpoint:
    """Answers completion requests."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def answer(self, asked: EngineRequest, reply: Reply) -> None:
        """Answer, or raise why not."""
        request = decode(asked.body)
        engine = self._engine
        model = engine.ready_for(request.model)
        given = await asyncio.to_thread(prompts, request)
        plans = [await self._plan(model.llama, request, name, text) for name, text in given]
        count = Count(sum(len(plan.prompt) for plan in plans), request.for_each_prompt)
        each = [plan for plan in plans for _ in range(request.for_each_prompt)]
        echoes = [text if request.echo else "" for _, text in given for _ in range(request.for_each_prompt)]
        envelope = Envelope(request.model, engine.fingerprint, id=f"cmpl-{secrets.token_hex(12)}")
        async with generating(engine, model, each, seed=request.seed, priority=request.priority or 0) as events:
            if request.stream:
                await _stream(reply, request, envelope, echoes, count, events)
            else:
                await _whole(reply, request, envelope, echoes, count, events)

    async def _plan(self, llama: Llama, request: CompletionRequest, name: str, text: str) -> Plan:
        limit = self._engine.prompt_limit
        check_length([text], limit, name)
        tokens = await llama.tokenize([text]) if text else [_DOCUMENT_BEGINS]
        if len(tokens) > limit:
            raise too_long(name, limit, len(tokens))
        wanted = request.max_tokens if request.max_tokens is not None else _TOKENS
        return Plan(
            prompt=tokens,
            tenant=request.cache_salt or None,
            tokens_max=min(wanted, self._engine.context - len(tokens)),
            sampling=sampling(request, alternatives=max(1, request.logprobs) if request.logprobs is not None else 0),
            stop=request.stop_sequences,
            shape=None,
            calling=None,
        )


async def _whole(
    reply: Reply, request: CompletionRequest, envelope: Envelope, echoes: list[str], count: Count, events: Events
) -> None:
    completions = [Completion(index, echo) for index, echo in enumerate(echoes)]
    async for index, event in events:
        count.note(index, event)
        completions[index].note(event)
    await reply.json(msgspec.json.encode(whole(envelope, completions, count, request.logprobs)))


async def _stream(
    reply: Reply, request: CompletionRequest, envelope: Envelope, echoes: list[str], count: Count, events: Events
) -> None:
    chunks = Chunks(envelope, echoes, alternatives=request.logprobs, include_usage=request.include_usage)
    async for index, event in events:
        count.note(index, event)
        chunk = chunks.of(index, event)
        if chunk is not None:
            await reply.event(msgspec.json.encode(chunk))
    if request.include_usage:
        await reply.event(msgspec.json.encode(chunks.usage(count)))
    await reply.done()
