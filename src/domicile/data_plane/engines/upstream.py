"""An engine over HTTP: a server of OpenAI's API, on a Unix socket or at a destination that egress allows."""

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
# 2,048 vectors of 3,072 numbers, each written out.
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
# Streams of sound and of transcripts may end with this event, and say `[DONE]` no more.
_LAST_EVENT = re.compile(rb'"type"\s*:\s*"(?:transcript\.text|speech\.audio)\.done"')


class Pulse(Enum):
    """What a probe has seen."""

    ALIVE = "alive"
    DEAD = "dead"
    SILENT = "silent"
    """Nothing is known: no answer in time, or this process could not ask. Dead, or busy."""


class Upstream:
    """One engine's pool of connections. Headers are built here, never copied from a caller's request."""

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
        # As the vendor wrote it: a deployment's name may hold an escaped slash.
        return URL(f"{self._host}{path}", encoded=True)

    def _headers(self, **named: str) -> dict[str, str]:
        key = None if self._credential is None else self._credential.key()
        return {**named, **self._vendor.headers(key)}

    async def close(self) -> None:
        """Ends every connection."""
        await self._session.close()

    async def probe(self) -> Pulse:
        """Asks the engine's health URL. An engine without one is never asked."""
        path = self._vendor.health_path
        if path is None:
            raise ValueError("this engine has no health URL")
        try:
            async with (
                asyncio.timeout(PROBE_TIMEOUT_S),
                self._session.get(self._url(path), headers=self._headers(), allow_redirects=False) as response,
            ):
                return Pulse.ALIVE if response.status == 200 else Pulse.DEAD
        except TimeoutError:
            return Pulse.SILENT
        except (aiohttp.ClientError, OSError) as error:
            return Pulse.SILENT if _is_our_own(error) else Pulse.DEAD

    async def complete(self, call: EngineCall) -> bytes:
        """The whole reply, in OpenAI's form. The first byte and the rest have `first_byte_timeout_s` each."""
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
        """The data of each event, in OpenAI's form, from the first one on."""
        parts = self._parts(await self._open(call, accept=_EVENTS))
        return await self._first(self._events(parts, call.project_id))

    async def stream_bytes(self, call: EngineCall) -> AsyncGenerator[bytes, None]:
        """The bytes of the answer, from the first ones on."""
        return await self._first(self._parts(await self._open(call, accept=_ANY)))

    async def _open(self, call: EngineCall, *, accept: str) -> ClientResponse:
        url = self._url(self._vendor.path(call.endpoint, call.model))
        headers = self._headers(accept=accept) | {"content-type": call.request.content_type}
        if self._is_embedded:
            # The engine that ships lets projects take turns, at every endpoint. No other engine is told the project.
            headers["domicile-tenant"] = call.project_id
        try:
            async with asyncio.timeout(self._first_byte_timeout_s):
                response = await self._session.post(url, data=call.request.body, headers=headers, allow_redirects=False)
        except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError) as error:
            # Never reached, so nothing runs there.
            if _is_our_own(error):
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
        """The same, once its first part has come: until then nothing has been said, and another engine may be asked."""
        ready = _from_first_part(parts)
        try:
            async with asyncio.timeout(self._first_byte_timeout_s):
                # To its empty yield: only a generator that has begun closes its connection when it is closed.
                await anext(ready)
        except TimeoutError:
            raise region_errors.engine_timeout() from None
        except DomicileError as error:
            if error.category is Category.UNAVAILABLE:
                raise EngineFailedError(error) from None
            raise
        return ready

    async def _parts(self, response: ClientResponse) -> AsyncGenerator[bytes, None]:
        """The answer as it comes. Only the answer's own end ends it."""
        limit_s: float | None = None
        try:
            while True:
                # The first part has a limit of its own.
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
            # Not `release`: an unfinished answer must end with its connection, so that the engine stops working on it.
            response.close()

    async def _events(self, parts: AsyncGenerator[bytes, None], project_id: str) -> AsyncGenerator[bytes, None]:
        """The data of each event of a stream that must say that it is done before it ends."""
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
                    shown = await off_loop(partial(self._vendor.reply, data), len(data), project_id)
                    if shown is not None:
                        yield shown
                    if _LAST_EVENT.search(data):
                        return
                if len(pending) > MAX_EVENT_BYTES:
                    raise region_errors.engine_unavailable()
        raise region_errors.engine_unavailable()


def _is_our_own(error: Exception) -> bool:
    """Whether this process, not the engine, is out of something: it has no descriptor or port left for one more connection."""
    return isinstance(error, OSError) and error.errno in _EXHAUSTED


async def _from_first_part(parts: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """An empty one when the first has come, then all of them."""
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
