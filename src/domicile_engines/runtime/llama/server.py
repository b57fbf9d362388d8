"""Runs llama.cpp: loads a model, counts tokens, and runs generations on slots.

llama.cpp has an HTTP server that cannot be switched off, and that serves the state of every slot. So it listens on a Unix
socket in a directory that only this user can enter, with a new secret at each start. It is used only to count tokens;
generations are calls inside the process.
"""

import asyncio
import os
import secrets
import threading
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# OpenMP reads this once, when llama.cpp is imported. Spinning threads take time from other processes on a shared CPU.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# The grammar engine writes warnings to stderr that quote the caller's schema.
os.environ["LLGUIDANCE_LOG_LEVEL"] = "0"

import aiohttp
import msgspec
import xllamacpp

from domicile_engines.runtime.llama.slots import Slot

# A prompt is read in pieces of this size, because llama.cpp cannot be interrupted within one call. A disconnect frees the
# slot after one piece, and short requests run between two pieces of a long prompt.
PREFILL_TOKENS = 64
_SILENT = -1
# llama.cpp takes a host name that ends in ".sock" as the path of a Unix socket.
_SOCKET_NAME = "llama.sock"
_SOCKET_PATH_LENGTH_MAX = 100


class EngineError(Exception):
    """llama.cpp failed. Its message may quote the prompt, so it is not kept."""


@dataclass(frozen=True)
class LlamaSettings:
    """How to load a model."""

    path: Path
    private_directory: Path
    """For the socket of llama.cpp's server."""
    slots: int
    context_tokens: int
    """Tokens of prompt and answer together, per slot."""
    threads: int
    """CPU threads for generating. Reading prompts uses up to twice as many."""


@dataclass(frozen=True)
class Piece:
    """A piece of generated text, of whole characters. `tokens`: tokens since the start of the generation."""

    text: str
    tokens: int
    logprobs: list[dict[str, Any]]


@dataclass(frozen=True)
class End:
    """The end of a generation. `reason`: `stop` if the model ended it, `length` if the token limit did."""

    reason: str
    tokens: int


class Llama:
    """A model loaded by llama.cpp."""

    def __init__(self, settings: LlamaSettings) -> None:
        """Load the model. Blocks for about a second. Raises `EngineError`."""
        self._settings = settings
        self._closing = threading.Event()
        self._key = secrets.token_urlsafe(32)
        self._threads = ThreadPoolExecutor(settings.slots, thread_name_prefix="generation")
        self._prefilling = asyncio.Lock()
        self._generating = 0
        self._http: aiohttp.ClientSession | None = None
        self._socket = private_socket(settings.private_directory)
        try:
            self._server = xllamacpp.Server(server_parameters(settings, self._socket, self._key))
        except RuntimeError as error:
            raise EngineError("llama.cpp did not start") from error

    async def tokenize(self, pieces: Sequence[int | str]) -> list[int]:
        """The prompt's tokens. Numbers in `pieces` are special tokens; text never becomes one. Raises `EngineError`."""
        if self._http is None:
            self._http = aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(str(self._socket), limit=1, force_close=True),
                headers={"Authorization": f"Bearer {self._key}"},
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        content = msgspec.json.encode({"content": pieces, "add_special": False, "parse_special": False})
        async with self._http.post("http://llama/tokenize", data=content) as response:
            if response.status != 200:
                raise EngineError("tokenize")
            answer = msgspec.json.decode(await response.read())
        tokens: list[int] = answer["tokens"]
        return tokens

    async def prefill(self, slot: Slot, tenant: str | None, prompt: Sequence[int]) -> int:
        """Read a prompt into the slot. Returns how many of its tokens were cached there. Raises `EngineError`."""
        loop = asyncio.get_running_loop()
        prefix = slot.reusable_prefix(tenant, prompt)
        slot.begin()
        cached: int | None = None
        done = prefix or 0
        while cached is None or done < len(prompt):
            done = min(done + PREFILL_TOKENS, len(prompt))
            reuse = prefix is not None or cached is not None
            # One piece at a time: concurrently, each piece would take as long as all of them.
            async with self._prefilling:
                begun = loop.time()
                found = await self._read(slot.number, prompt[:done], reuse=reuse)
            cached = found if cached is None else cached
            slot.computed(tenant, prompt[:done])
            if self._generating and done < len(prompt):
                # While a piece is read, running answers advance by one token. So pause as long for the other slots.
                await asyncio.sleep(loop.time() - begun)
        return cached

    async def _read(self, slot: int, prompt: Sequence[int], *, reuse: bool) -> int:
        body = {"prompt": prompt, "n_predict": 0, "id_slot": slot, "cache_prompt": reuse, "stream": True}
        cached: int | None = None
        async with aclosing(self._run(body)) as chunks:
            async for chunk in chunks:
                if "usage" in chunk:
                    cached = chunk["usage"]["prompt_tokens_details"]["cached_tokens"]
        if cached is None:
            raise EngineError("prefill")
        return cached

    async def generate(
        self, slot: Slot, prompt: Sequence[int], sampling: dict[str, Any]
    ) -> AsyncGenerator[Piece | End, None]:
        """Continue a prompt that this slot has read. Closing the iteration stops the model at its next token.

        `sampling`: llama.cpp's parameters. Raises `EngineError`.
        """
        body = {
            **sampling,
            "prompt": prompt,
            "id_slot": slot.number,
            "cache_prompt": True,
            "stream": True,
            "timings_per_token": True,
        }
        ended = False
        self._generating += 1
        try:
            async with aclosing(self._run(body)) as chunks:
                async for chunk in chunks:
                    choice = chunk["choices"][0]
                    tokens = chunk["timings"]["predicted_n"]
                    if choice["text"]:
                        yield Piece(choice["text"], tokens, (choice["logprobs"] or {}).get("content", []))
                    if choice["finish_reason"] is not None:
                        ended = True
                        yield End(choice["finish_reason"], tokens)
        finally:
            self._generating -= 1
        if not ended:
            raise EngineError("generation")

    async def _run(self, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        loop = asyncio.get_running_loop()
        chunks: asyncio.Queue[str | None] = asyncio.Queue()
        left = threading.Event()

        def deliver(chunk: str) -> bool:
            loop.call_soon_threadsafe(chunks.put_nowait, chunk)
            return left.is_set() or self._closing.is_set()

        def call() -> None:
            try:
                if not (left.is_set() or self._closing.is_set()):
                    self._server.handle_completions(msgspec.json.encode(body).decode(), deliver)
            except ValueError:
                # The message quotes the request. The caller notices the failure by the missing end.
                return
            finally:
                if not loop.is_closed():
                    loop.call_soon_threadsafe(chunks.put_nowait, None)

        running = loop.run_in_executor(self._threads, call)
        try:
            while (chunk := await chunks.get()) is not None:
                decoded = msgspec.json.decode(chunk)
                if "error" in decoded:
                    raise EngineError("llama.cpp refused the call")
                yield decoded
        finally:
            left.set()
            # The slot is free only after the call has ended.
            await asyncio.shield(running)

    async def close(self) -> None:
        """Stop every generation and remove the socket and its directory."""
        self._closing.set()
        if self._http is not None:
            await self._http.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        remove_private_socket(self._socket)


def server_parameters(settings: LlamaSettings, socket: Path, key: str) -> xllamacpp.CommonParams:
    """llama.cpp's parameters: load the model, log nothing, and serve only on `socket` with `key`."""
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(settings.path)
    parameters.n_ctx = settings.context_tokens * settings.slots
    parameters.n_parallel = settings.slots
    parameters.n_gpu_layers = 0
    parameters.cpuparams.n_threads = settings.threads
    # The engine opens one connection at a time, and each connection holds a thread.
    parameters.n_threads_http = 2
    # Reading a prompt gains from more threads; generating is limited by memory bandwidth.
    parameters.cpuparams_batch.n_threads = min(os.cpu_count() or 1, 2 * settings.threads)
    # On CPUs it halves the speed of generating (27 against 14 ms a token at 1,900), and reading a prompt is no faster.
    parameters.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    # A cache shared by slots would be shared by tenants.
    parameters.cache_ram_mib = 0
    parameters.cache_idle_slots = False
    parameters.slot_prompt_similarity = 0.0
    parameters.verbosity = _SILENT
    parameters.warmup = True
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.endpoint_props = False
    parameters.endpoint_metrics = False
    parameters.cors_origins = ""
    parameters.hostnames = [str(socket)]
    parameters.api_keys = [key]
    return parameters


def private_socket(directory: Path) -> Path:
    """Create the private directory and return the path for llama.cpp's socket. Raises `EngineError` if it is too long."""
    directory.mkdir(mode=0o700, exist_ok=True)
    directory.chmod(0o700)
    socket = directory / _SOCKET_NAME
    if len(os.fsencode(socket)) > _SOCKET_PATH_LENGTH_MAX:
        raise EngineError(f"the socket's path is too long: at most {_SOCKET_PATH_LENGTH_MAX} bytes")
    socket.unlink(missing_ok=True)
    return socket


def remove_private_socket(socket: Path) -> None:
    """Remove the socket and its directory."""
    socket.unlink(missing_ok=True)
    socket.parent.rmdir()
