"""`POST /v1/completions`: counts tokens, continues all prompts concurrently, and stops when the client disconnects."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from starlette.routing import Route

from domicile.kernel.fair_turns import Tenant
from domicile.openai_api.completions import check_completion_request
from domicile.web.bodies.body_limits import body_limit
from domicile_engines.endpoints.completions.capability import check_capability
from domicile_engines.endpoints.completions.reply import BatchUsage, CompletionChunks, GeneratedCompletion, whole
from domicile_engines.endpoints.generated import Envelope
from domicile_engines.endpoints.http import HttpReply, ModelEndpoint, json_reader
from domicile_engines.endpoints.scheduled import ScheduledCompletion
from domicile_engines.models.cl100k_base.token_ids import texts
from domicile_engines.models.smollm2.engine import ChatEngine
from domicile_engines.models.smollm2.generation import Event, Plan
from domicile_engines.models.smollm2.plan import check_length
from domicile_engines.models.smollm2.sampling import sampling
from domicile_engines.models.smollm2.side_by_side import generating
from domicile_engines.runtime.engine_errors import too_long
from domicile_engines.runtime.llama.server import Llama
from domicile_engines.runtime.llama.stop import stop_sequences

_PATH = "/v1/completions"
# The API's default of `max_tokens`.
_TOKENS = 16
# The API's mark for the beginning of a document, accepted only as the whole prompt, and the vocabulary's token for it.
_DOCUMENT_BEGINS, _DOCUMENT_TOKEN = "<|endoftext|>", 0

Events = AsyncIterator[tuple[int, Event]]

read_completion = json_reader(
    ScheduledCompletion, check_completion_request, check_capability, limit_bytes=body_limit(_PATH)
)


class CompletionsService:
    """The completions endpoint. The chat model continues the texts."""

    def __init__(self, engine: ChatEngine) -> None:
        """`engine`: shared with chat, which lists and closes it."""
        self._engine = engine

    def routes(self) -> Sequence[Route]:
        """The route of `POST /v1/completions`."""
        return [Route(_PATH, ModelEndpoint(read_completion, self._answer), methods=["POST"])]

    def describe(self) -> Sequence[dict[str, Any]]:
        """No entry: the chat service lists the model."""
        return []

    async def close(self) -> None:
        """Do nothing: the chat service closes the model."""
        return

    async def _answer(self, request: ScheduledCompletion, _: Tenant, reply: HttpReply) -> None:
        engine = self._engine
        model = engine.ready_for(request.model)
        given = await asyncio.to_thread(texts, request.prompt or "", "prompt")
        given = [(name, "" if text == _DOCUMENT_BEGINS else text) for name, text in given]
        plans = [await self._plan(model.llama, request, name, text) for name, text in given]
        of_each = request.n or 1
        usage = BatchUsage(sum(len(plan.prompt) for plan in plans), of_each)
        each = [plan for plan in plans for _ in range(of_each)]
        echoes = [text if request.echo else "" for _, text in given for _ in range(of_each)]
        envelope = Envelope(request.model, engine.fingerprint, id=f"cmpl-{secrets.token_hex(12)}")
        async with generating(engine, model, each, seed=request.seed, priority=request.priority or 0) as events:
            await (_stream if request.streams else _whole)(reply, request, envelope, echoes, usage, events)

    async def _plan(self, llama: Llama, request: ScheduledCompletion, name: str, text: str) -> Plan:
        limit = self._engine.prompt_limit
        check_length([text], limit, name)
        tokens = await llama.tokenize([text]) if text else [_DOCUMENT_TOKEN]
        if len(tokens) > limit:
            raise too_long(name, limit, len(tokens))
        wanted = request.max_tokens if request.max_tokens is not None else _TOKENS
        return Plan(
            prompt=tokens,
            tenant=request.cache_salt or None,
            tokens_max=min(wanted, self._engine.context - len(tokens)),
            sampling=sampling(request, alternatives=max(1, request.logprobs) if request.logprobs is not None else 0),
            stop=stop_sequences(request.stop),
            shape=None,
            calling=None,
        )


async def _whole(
    reply: HttpReply,
    request: ScheduledCompletion,
    envelope: Envelope,
    echoes: list[str],
    usage: BatchUsage,
    events: Events,
) -> None:
    completions = [GeneratedCompletion(index, echo) for index, echo in enumerate(echoes)]
    async for index, event in events:
        usage.note(index, event)
        completions[index].note(event)
    await reply.json(msgspec.json.encode(whole(envelope, completions, usage, request.logprobs)))


async def _stream(
    reply: HttpReply,
    request: ScheduledCompletion,
    envelope: Envelope,
    echoes: list[str],
    usage: BatchUsage,
    events: Events,
) -> None:
    wants_usage = request.wants_usage_in_stream
    chunks = CompletionChunks(envelope, echoes, alternatives=request.logprobs, include_usage=wants_usage)
    async for index, event in events:
        usage.note(index, event)
        chunk = chunks.of(index, event)
        if chunk is not None:
            await reply.event(msgspec.json.encode(chunk))
    if wants_usage:
        await reply.event(msgspec.json.encode(chunks.usage(usage)))
    await reply.done()
