"""`POST /v1/chat/completions`: read, plan, generate all choices side by side, and stop the moment the client leaves."""

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress

import msgspec
from starlette.types import Receive, Scope, Send

from domicile.engine_server import errors
from domicile.engine_server.chat.generation import Choice, Event, Plan
from domicile.engine_server.chat.plan import make_plan
from domicile.engine_server.chat.reply import Chunks, Envelope, Message, Usage, unary
from domicile.engine_server.chat.request import ChatRequest, decode
from domicile.engine_server.engine import Engine
from domicile.engine_server.errors import Refusal
from domicile.engine_server.http import ClientLeft, read_body, send_json, until_client_leaves

_SEED_BITS = 32
_log = logging.getLogger(__name__)


class ChatEndpoint:
    """An ASGI endpoint, so that it alone decides when to listen for the client leaving."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        answer = Answer(self._engine, send)
        try:
            body = await read_body(receive)
            await until_client_leaves(receive, answer.give(body))
        except ClientLeft:
            return
        except Refusal as refusal:
            await answer.refuse(refusal)
        except Exception as error:
            # By its type only, and no further up, where it would be logged whole: its text may quote the request.
            _log.error("the model failed to answer: %s", type(error).__name__)
            await answer.refuse(Refusal(503, "engine_unavailable", "The model failed to answer.", None, 1))


class Answer:
    """The answer to one request, from its body to its last byte."""

    def __init__(self, engine: Engine, send: Send) -> None:
        self._engine = engine
        self._send = send
        self._streaming = False

    async def give(self, body: bytes) -> None:
        """Answer, or raise why not."""
        request = decode(body)
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
                    await self._stream(request, plan, events)
                else:
                    await self._whole(request, plan, events)
        finally:
            for ticket in tickets:
                engine.slots.give_back(ticket)

    async def refuse(self, refusal: Refusal) -> None:
        """Say what is wrong: as an answer, or inside a stream that has begun."""
        if self._streaming:
            await self._event(errors.body(refusal))
            await self._end()
        else:
            await send_json(self._send, refusal.status, errors.body(refusal), refusal.retry_after_seconds)

    async def _whole(self, request: ChatRequest, plan: Plan, events: AsyncIterator[tuple[int, Event]]) -> None:
        legacy = plan.calling is not None and plan.calling.legacy
        usage = Usage(len(plan.prompt))
        messages = [Message(index, legacy) for index in range(request.choices)]
        async for index, event in events:
            usage.note(event)
            messages[index].note(event)
        envelope = Envelope(request.model, self._engine.fingerprint)
        await send_json(self._send, 200, msgspec.json.encode(unary(envelope, messages, usage, request)))

    async def _stream(self, request: ChatRequest, plan: Plan, events: AsyncIterator[tuple[int, Event]]) -> None:
        legacy = plan.calling is not None and plan.calling.legacy
        usage = Usage(len(plan.prompt))
        chunks = Chunks(Envelope(request.model, self._engine.fingerprint), request, legacy=legacy)
        async for index, event in events:
            usage.note(event)
            chunk = chunks.of(index, event)
            if chunk is not None:
                await self._event(msgspec.json.encode(chunk))
        if request.include_usage:
            await self._event(msgspec.json.encode(chunks.usage(usage)))
        await self._event(b"[DONE]")
        await self._end()

    async def _event(self, data: bytes) -> None:
        if not self._streaming:
            self._streaming = True
            headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": b"data: " + data + b"\n\n", "more_body": True})

    async def _end(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


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
