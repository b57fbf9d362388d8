"""Generates answers of the vision model, with the same events as the chat model."""

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from domicile.kernel.errors import DomicileError
from domicile.kernel.fair_turns import Tenant
from domicile.openai_api.chat import ChatCompletionRequest
from domicile_engines.models.entry import model_entry
from domicile_engines.models.smollm2.generation import Event, Finished, Generation, PromptCounted, Started, Text
from domicile_engines.models.vision.llama_body import llama_body
from domicile_engines.models.vision.model import CONTEXT_TOKENS, VisionFiles, VisionModel
from domicile_engines.runtime.engine_errors import too_long
from domicile_engines.runtime.llama.server import EngineError
from domicile_engines.runtime.resident import Resident

MODEL_ID = "vision"
PICTURES_MAX = 8


class Vision:
    """The vision model, loaded at its first request."""

    def __init__(self, files: VisionFiles, private_directory: Path, *, idle_s: float, threads: int) -> None:
        """`private_directory`: for llama.cpp's socket. `idle_s`: seconds without a request before the model is unloaded."""
        load = partial(VisionModel, files, private_directory, threads)
        self._model = Resident(MODEL_ID, load, idle_s=idle_s, unload=VisionModel.close)

    def describe(self) -> dict[str, Any]:
        """The model's entry in `/v1/models`."""
        return model_entry(MODEL_ID, "operator", "chat", "stream", "image", context=CONTEXT_TOKENS)

    async def close(self) -> None:
        """Stop running generations and unload the model."""
        await self._model.close()

    @asynccontextmanager
    async def generating(self, request: ChatCompletionRequest, project: Tenant) -> AsyncIterator[Generation]:
        """Generate an answer. Leaving the context stops the model at its next token.

        Raises a 400 for a damaged image or a prompt that is too long, `EngineError` if llama.cpp fails.
        """
        body = await asyncio.to_thread(llama_body, request)
        fingerprint = await self._model.run(lambda model, _: model.fingerprint, project)
        async with aclosing(self._events(body, project)) as events:
            yield Generation(fingerprint, prompt_tokens=0, legacy=False, events=events)

    async def _events(self, body: dict[str, Any], project: Tenant) -> AsyncGenerator[tuple[int, Event], None]:
        """Translate llama.cpp's chunks to events. The prompt's token count comes in the last chunk."""
        reason = ""
        async with aclosing(self._chunks(body, project)) as chunks:
            async for chunk in chunks:
                for choice in chunk["choices"]:
                    if not reason and "role" in choice["delta"]:
                        yield 0, Started(0)
                    if choice["delta"].get("content"):
                        yield 0, Text(choice["delta"]["content"])
                    reason = choice["finish_reason"] or reason
                if usage := chunk.get("usage"):
                    yield 0, PromptCounted(usage["prompt_tokens"])
                    yield 0, Finished("length" if reason == "length" else "stop", usage["completion_tokens"])
        if not reason:
            raise EngineError("generation")

    async def _chunks(self, body: dict[str, Any], project: Tenant) -> AsyncGenerator[dict[str, Any], None]:
        loop = asyncio.get_running_loop()
        chunks: asyncio.Queue[str | None] = asyncio.Queue()

        def work(model: VisionModel, left: threading.Event) -> None:
            model.generate(body, lambda chunk: loop.call_soon_threadsafe(chunks.put_nowait, chunk), left)

        running = asyncio.create_task(self._model.run(work, project))
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


def _refusal(error: dict[str, Any]) -> DomicileError:
    """The error for a refused call. llama.cpp's message may quote the request, so only its token count is used."""
    if error.get("type") != "exceed_context_size_error":
        raise EngineError("llama.cpp refused the call")
    return too_long("messages", CONTEXT_TOKENS, int(error.get("n_prompt_tokens", 0)) or None)
