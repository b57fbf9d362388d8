"""Chat with the vision model: the same path as chat, by the model's name."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from domicile_engines.endpoints.chat_completions.reply import Chunks, Envelope, Message, Usage, unary
from domicile_engines.endpoints.http import EngineRequest, Reply
from domicile_engines.models.entry import model_entry
from domicile_engines.models.smollm2.generation import Event, Finished, Started, Text
from domicile_engines.models.smollm2.request import ChatRequest
from domicile_engines.models.vision.model import CONTEXT_TOKENS, VisionFiles, VisionModel
from domicile_engines.models.vision.request import decode, for_llama
from domicile_engines.runtime.errors import Refusal, too_long
from domicile_engines.runtime.llama.server import EngineError
from domicile_engines.runtime.resident import Resident

MODEL_ID = "vision"
BODY_BYTES_MAX = 32 * 1024 * 1024
"""Pictures come inside, as base64."""

_FINISH_REASONS = {"stop": "stop", "length": "length"}


class Vision:
    """The vision model and its answers."""

    def __init__(self, files: VisionFiles, private_directory: Path, *, idle_s: float, threads: int) -> None:
        load = partial(VisionModel, files, private_directory, threads)
        self._model = Resident(MODEL_ID, load, idle_s=idle_s, unload=VisionModel.close)

    def describe(self) -> Sequence[dict[str, Any]]:
        """See `Family`."""
        return [model_entry(MODEL_ID, "operator", "chat", "stream", "image", context=CONTEXT_TOKENS)]

    async def close(self) -> None:
        """See `Family`."""
        await self._model.close()

    async def answer(self, asked: EngineRequest, reply: Reply) -> None:
        """Answer, or raise why not."""
        request = decode(asked.body)
        body = await asyncio.to_thread(for_llama, request)
        usage = Usage(0)
        fingerprint = await self._model.run(lambda model, _: model.fingerprint, asked.tenant)
        envelope = Envelope(request.model, fingerprint)
        async with aclosing(self._events(body, usage, asked.tenant)) as events:
            if request.stream:
                await _stream(reply, request, envelope, usage, events)
            else:
                await _whole(reply, request, envelope, usage, events)

    async def _events(self, body: dict[str, Any], usage: Usage, tenant: str | None) -> AsyncGenerator[Event, None]:
        """What llama.cpp's chunks tell; the tokens of the prompt are known at the end."""
        reason = ""
        async with aclosing(self._chunks(body, tenant)) as chunks:
            async for chunk in chunks:
                for choice in chunk["choices"]:
                    if not reason and "role" in choice["delta"]:
                        yield Started(0)
                    if choice["delta"].get("content"):
                        yield Text(choice["delta"]["content"])
                    reason = choice["finish_reason"] or reason
                if chunk.get("usage"):
                    usage.prompt_tokens = chunk["usage"]["prompt_tokens"]
                    yield Finished(_FINISH_REASONS.get(reason, "stop"), chunk["usage"]["completion_tokens"])
        if not reason:
            raise EngineError("generation")

    async def _chunks(self, body: dict[str, Any], tenant: str | None) -> AsyncGenerator[dict[str, Any], None]:
        loop = asyncio.get_running_loop()
        chunks: asyncio.Queue[str | None] = asyncio.Queue()

        def work(model: VisionModel, left: threading.Event) -> None:
            model.generate(body, lambda chunk: loop.call_soon_threadsafe(chunks.put_nowait, chunk), left)

        running = asyncio.create_task(self._model.run(work, tenant))
        running.add_done_callback(lambda _: chunks.put_nowait(None))
        try:
            while (chunk := await chunks.get()) is not None:
                decoded = msgspec.json.decode(chunk)
                if "error" in decoded:
                    raise _refusal(decoded["error"])
                yield decoded
            await running
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await running


def _refusal(error: dict[str, Any]) -> Refusal:
    """llama.cpp's own text may quote the request: only its numbers are told."""
    if error.get("type") != "exceed_context_size_error":
        raise EngineError("llama.cpp refused the call")
    return too_long("messages", CONTEXT_TOKENS, int(error.get("n_prompt_tokens", 0)) or None)


async def _whole(
    reply: Reply, request: ChatRequest, envelope: Envelope, usage: Usage, events: AsyncGenerator[Event, None]
) -> None:
    message = Message(0, legacy=False)
    async for event in events:
        usage.note(event)
        message.note(event)
    await reply.json(msgspec.json.encode(unary(envelope, [message], usage, request)))


async def _stream(
    reply: Reply, request: ChatRequest, envelope: Envelope, usage: Usage, events: AsyncGenerator[Event, None]
) -> None:
    chunks = Chunks(envelope, request, legacy=False)
    async for event in events:
        usage.note(event)
        chunk = chunks.of(0, event)
        if chunk is not None:
            await reply.event(msgspec.json.encode(chunk))
    if request.include_usage:
        await reply.event(msgspec.json.encode(chunks.usage(usage)))
    await reply.done()
