"""The HTTP client of one engine: an OpenAI-compatible server on a Unix socket, or at a destination that egress allows."""

import asyncio
import errno
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from enum import Enum
from functools import partial

import aiohttp
from aiohttp import ClientResponse, ClientTimeout
from yarl import URL

from domicile.data_plane import region_errors
from domicile.data_plane.egress import EgressPolicy, session_to, session_to_socket
from domicile.data_plane.engines.credential import credential_of
from domicile.data_plane.engines.port import (
    EngineBusyError,
    EngineCall,
    EngineFailedError,
    EngineUnreachedError,
)
from domicile.data_plane.engines.refusal import engine_refusal
from domicile.data_plane.engines.vendor import Vendor
from domicile.kernel.errors import Category, DomicileError
from domicile.process.off_loop import off_loop
from domicile.settings.engines import EngineSettings

CONNECTIONS = 8192
# Room for 2,048 vectors of 3,072 numbers as JSON text.
MAX_REPLY_BYTES = 160 * 1024 * 1024
MAX_EVENT_BYTES = 1024 * 1024
PROBE_TIMEOUT_S = 2.0
_TOO_MANY = 429
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
_JSON = "application/json"
_EVENTS = "text/event-stream"
_ANY = "*/*"
_EVENT_DATA = b"data:"
_DONE = b"[DONE]"
# Streams of speech and transcripts may end with this event instead of `[DONE]`.
_LAST_EVENT = re.compile(rb'"type"\s*:\s*"(?:transcript\.text|speech\.audio)\.done"')


class ProbeResult(Enum):
    """The result of a health probe."""

    ALIVE = "alive"
    DEAD = "dead"
    SILENT = "silent"
    """Unknown: no answer in time, or this process had no descriptor or port for the probe. Dead or busy."""


class Upstream:
    """An `Engine` over HTTP with its own connection pool. Headers are built here, never copied from a caller's request."""

    def __init__(self, settings: EngineSettings, egress: EgressPolicy, vendor: Vendor) -> None:
        """Raises `EgressRefusedError` when the engine stands outside the region, `EngineKeyError` when its key is missing."""
        self.name = settings.name
        self.probe_every_s = None if vendor.health_path is None else vendor.health_every_s
        self._idle_timeout_s = settings.idle_timeout_s
        self._first_byte_timeout_s = settings.first_byte_timeout_s
        self._credential = credential_of(settings)
        self._vendor = vendor
        self._is_embedded = settings.embedded
        timeout = ClientTimeout(total=None, sock_connect=settings.connect_timeout_s)
        if settings.socket is not None:
            self._session = session_to_socket(settings.socket, timeout, connections=CONNECTIONS)
            self._host = URL("http://engine")
        else:
            url = settings.url or ""
            allowed = egress.inside(url, settings.country)
            self._session = session_to(allowed, timeout, connections=CONNECTIONS, ca_file=settings.ca_file)
            self._host = URL(url).origin()

    def _url(self, path: str) -> URL:
        # `encoded`: keep the vendor's escapes, since a deployment's name may hold an escaped slash.
        return URL(f"{self._host}{path}", encoded=True)

    def _headers(self, **named: str) -> dict[str, str]:
        key = None if self._credential is None else self._credential.key()
        return {**named, **self._vendor.headers(key)}

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def probe(self) -> ProbeResult:
        """Ask the engine's health URL. Raises ValueError for an engine without one."""
        path = self._vendor.health_path
        if path is None:
            raise ValueError("this engine has no health URL")
        try:
            async with (
                asyncio.timeout(PROBE_TIMEOUT_S),
                self._session.get(self._url(path), headers=self._headers(), allow_redirects=False) as response,
            ):
                return ProbeResult.ALIVE if response.status == 200 else ProbeResult.DEAD
        except TimeoutError:
            return ProbeResult.SILENT
        except (aiohttp.ClientError, OSError) as error:
            return ProbeResult.SILENT if _is_own_exhaustion(error) else ProbeResult.DEAD

    async def complete(self, call: EngineCall) -> bytes:
        """The whole reply, in OpenAI's format. Head and body may take `first_byte_timeout_s` each."""
        response = await self._open(call, accept=_JSON)
        try:
            async with asyncio.timeout(self._first_byte_timeout_s):
                raw = await _read_whole(response)
        except TimeoutError:
            raise region_errors.engine_timeout() from None
        except (aiohttp.ClientError, OSError):
            raise EngineFailedError from None
        finally:
            response.release()
        reply = await off_loop(partial(self._vendor.reply, raw), len(raw), call.project_id)
        if reply is None:
            raise region_errors.engine_unavailable()
        return reply

    async def stream(self, call: EngineCall) -> AsyncGenerator[bytes, None]:
        """Return once the first event has come. Yields the data of each event, in OpenAI's format."""
        parts = self._parts(await self._open(call, accept=_EVENTS))
        return await self._first(self._events(parts, call.project_id))

    async def stream_bytes(self, call: EngineCall) -> AsyncGenerator[bytes, None]:
        """Return once the first bytes have come. Yields the answer's bytes."""
        return await self._first(self._parts(await self._open(call, accept=_ANY)))

    async def _open(self, call: EngineCall, *, accept: str) -> ClientResponse:
        url = self._url(self._vendor.path(call.endpoint, call.model))
        headers = self._headers(accept=accept) | {"content-type": call.request.content_type}
        if self._is_embedded:
            # The embedded engine takes fair turns between projects. No other engine is sent the project's id.
            headers["domicile-tenant"] = call.project_id
        try:
            async with asyncio.timeout(self._first_byte_timeout_s):
                response = await self._session.post(url, data=call.request.body, headers=headers, allow_redirects=False)
        except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError) as error:
            # No connection, so the engine has not begun to work.
            if _is_own_exhaustion(error):
                raise EngineBusyError(region_errors.engine_unavailable(busy=True)) from None
            raise EngineUnreachedError from None
        except TimeoutError:
            raise region_errors.engine_timeout() from None
        except (aiohttp.ClientError, OSError):
            raise EngineFailedError from None
        if response.status == 200:
            return response
        refusal = engine_refusal(
            response.status,
            await _read_refusal(response),
            response.headers.get("retry-after"),
            input_member=call.endpoint.input_member,
            is_embedded=self._is_embedded,
        )
        if response.status == _TOO_MANY:
            raise EngineBusyError(refusal)
        if refusal.category is Category.UNAVAILABLE:
            raise EngineFailedError(refusal)
        raise refusal

    async def _first(self, parts: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        """Wait for the first part. Raises `EngineFailedError` if the engine fails earlier: another may still be asked."""
        ready = _from_first_part(parts)
        try:
            async with asyncio.timeout(self._first_byte_timeout_s):
                # Advance to the empty yield: only a generator that has started closes its connection when it is closed.
                await anext(ready)
        except TimeoutError:
            raise region_errors.engine_timeout() from None
        except DomicileError as error:
            if error.category is Category.UNAVAILABLE:
                raise EngineFailedError(error) from None
            raise
        return ready

    async def _parts(self, response: ClientResponse) -> AsyncGenerator[bytes, None]:
        """The answer's bytes as they arrive. Raises `DomicileError` if the answer breaks off or stalls."""
        limit_s: float | None = None
        try:
            while True:
                # `_first` limits the wait for the first part.
                async with asyncio.timeout(limit_s):
                    part = await response.content.readany()
                if not part:
                    return
                limit_s = self._idle_timeout_s
                yield part
        except TimeoutError:
            raise region_errors.engine_timeout() from None
        except (aiohttp.ClientError, OSError):
            raise region_errors.engine_unavailable() from None
        finally:
            # Close, not `release`: closing the connection is how an engine learns to stop an unfinished answer.
            response.close()

    async def _events(self, parts: AsyncGenerator[bytes, None], project_id: str) -> AsyncGenerator[bytes, None]:
        """The data of each server-sent event, until `[DONE]` or a last event. Raises if the stream ends without one."""
        pending = b""
        async with aclosing(parts):
            async for part in parts:
                *lines, pending = (pending + part).split(b"\n")
                for line in lines:
                    if not line.startswith(_EVENT_DATA):
                        continue
                    data = line.removeprefix(_EVENT_DATA).strip()
                    if data == _DONE:
                        return
                    if not data:
                        continue
                    converted = await off_loop(partial(self._vendor.reply, data), len(data), project_id)
                    if converted is not None:
                        yield converted
                    if _LAST_EVENT.search(data):
                        return
                if len(pending) > MAX_EVENT_BYTES:
                    raise region_errors.engine_unavailable()
        raise region_errors.engine_unavailable()


def _is_own_exhaustion(error: Exception) -> bool:
    """Whether this process, not the engine, has failed: it has no descriptor, port or memory for another connection."""
    return isinstance(error, OSError) and error.errno in _EXHAUSTED


async def _from_first_part(parts: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Yield an empty part once the first part has come, then all parts."""
    async with aclosing(parts):
        first = await anext(parts, None)
        yield b""
        if first is not None:
            yield first
            async for part in parts:
                yield part


async def _read_whole(response: ClientResponse) -> bytes:
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > MAX_REPLY_BYTES:
            raise region_errors.engine_unavailable()
    return bytes(body)


async def _read_refusal(response: ClientResponse) -> bytes:
    try:
        async with asyncio.timeout(5):
            return await response.content.read(64 * 1024)
    except (aiohttp.ClientError, TimeoutError, OSError):
        return b""
    finally:
        response.close()
