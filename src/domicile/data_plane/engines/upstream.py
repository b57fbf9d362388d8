"""An engine over HTTP: any OpenAI-compatible server, on a Unix socket or at a destination that egress allows."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import aiohttp
from aiohttp import ClientResponse, ClientTimeout

from domicile.data_plane.egress import EgressPolicy, session_to, session_to_socket
from domicile.data_plane.engines.credential import EngineKey
from domicile.data_plane.engines.port import EngineFailedError, EngineRequest
from domicile.data_plane.engines.refusal import engine_refusal
from domicile.data_plane.routing import Placement
from domicile.kernel import errors
from domicile.kernel.errors import Category
from domicile.settings.installation import EngineSettings

CONNECTIONS = 1024
MAX_REPLY_BYTES = 32 * 1024 * 1024
MAX_EVENT_BYTES = 1024 * 1024
_JSON = "application/json"
_EVENTS = "text/event-stream"
_ANY = "*/*"
_EVENT_DATA = b"data:"
_DONE = b"[DONE]"


class Upstream:
    """One engine's pool of connections. Headers are built here, never copied from a caller's request."""

    def __init__(self, settings: EngineSettings, egress: EgressPolicy) -> None:
        """Raises `EgressRefusedError` when the engine stands outside the region."""
        self.name = settings.name
        self._idle_timeout_s = settings.idle_timeout_s
        self._first_byte_timeout_s = settings.first_byte_timeout_s
        self._key = None if settings.api_key_file is None else EngineKey(settings.api_key_file)
        timeout = ClientTimeout(total=None, sock_connect=settings.connect_timeout_s)
        if settings.socket is not None:
            self._session = session_to_socket(settings.socket, timeout, connections=CONNECTIONS)
            self._base = "http://engine"
        else:
            self._base = settings.url or ""
            allowed = egress.inside(self._base, settings.country)
            self._session = session_to(allowed, timeout, connections=CONNECTIONS)

    def _headers(self, **named: str) -> dict[str, str]:
        return named if self._key is None else named | self._key.headers()

    async def close(self) -> None:
        """Ends every connection."""
        await self._session.close()

    async def is_healthy(self) -> bool:
        """Whether the engine answers its health URL within two seconds."""
        try:
            async with asyncio.timeout(2):
                async with self._session.get(
                    f"{self._base}/health", headers=self._headers(), allow_redirects=False
                ) as response:
                    return response.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    async def complete(self, placement: Placement, request: EngineRequest) -> bytes:
        """See `Engine.complete`."""
        response = await self._open(placement, request, accept=_JSON)
        try:
            async with asyncio.timeout(self._first_byte_timeout_s):
                return await _read_whole(response)
        except TimeoutError:
            raise errors.engine_timeout() from None
        except (aiohttp.ClientError, OSError):
            raise EngineFailedError from None
        finally:
            response.release()

    async def stream(self, placement: Placement, request: EngineRequest) -> AsyncGenerator[bytes, None]:
        """See `Engine.stream`."""
        return await _begun(_events(self._parts(await self._open(placement, request, accept=_EVENTS))))

    async def stream_bytes(self, placement: Placement, request: EngineRequest) -> AsyncGenerator[bytes, None]:
        """See `Engine.stream_bytes`."""
        return await _begun(self._parts(await self._open(placement, request, accept=_ANY)))

    async def _open(self, placement: Placement, request: EngineRequest, *, accept: str) -> ClientResponse:
        url = self._base + placement.reservation.admission.endpoint.value
        headers = self._headers(accept=accept) | {"content-type": request.content_type}
        try:
            async with asyncio.timeout(self._first_byte_timeout_s):
                response = await self._session.post(url, data=request.body, headers=headers, allow_redirects=False)
        except aiohttp.ConnectionTimeoutError:
            # Never reached, so nothing runs there: another engine may be asked.
            raise EngineFailedError from None
        except TimeoutError:
            raise errors.engine_timeout() from None
        except (aiohttp.ClientError, OSError):
            raise EngineFailedError from None
        if response.status == 200:
            return response
        refusal = engine_refusal(response.status, await _read_refusal(response), response.headers.get("retry-after"))
        if refusal.category is Category.UNAVAILABLE and response.status >= 500:
            raise EngineFailedError
        raise refusal

    async def _parts(self, response: ClientResponse) -> AsyncGenerator[bytes, None]:
        """An empty one first, then the answer as it comes. Only the answer's own end ends it."""
        try:
            yield b""
            while True:
                async with asyncio.timeout(self._idle_timeout_s):
                    part = await response.content.readany()
                if not part:
                    return
                yield part
        except TimeoutError:
            raise errors.engine_timeout() from None
        except (aiohttp.ClientError, OSError):
            raise errors.engine_unavailable() from None
        finally:
            # Not `release`: an unfinished answer must end with its connection, so that the engine stops working on it.
            response.close()


async def _begun(parts: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Past its first, empty, yield: only a generator that has begun closes its connection when it is closed."""
    await anext(parts)
    return parts


async def _events(parts: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The data of each event of a stream that must say `[DONE]` before it ends."""
    pending = b""
    async with aclosing(parts):
        yield await anext(parts)
        async for part in parts:
            *lines, pending = (pending + part).split(b"\n")
            for line in lines:
                if not line.startswith(_EVENT_DATA):
                    continue
                data = line.removeprefix(_EVENT_DATA).strip()
                if data == _DONE:
                    return
                if data:
                    yield data
            if len(pending) > MAX_EVENT_BYTES:
                raise errors.engine_unavailable()
    raise errors.engine_unavailable()


async def _read_whole(response: ClientResponse) -> bytes:
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > MAX_REPLY_BYTES:
            raise errors.engine_unavailable()
    return bytes(body)


async def _read_refusal(response: ClientResponse) -> bytes:
    try:
        async with asyncio.timeout(5):
            return await response.content.read(64 * 1024)
    except (aiohttp.ClientError, TimeoutError, OSError):
        return b""
    finally:
        response.close()
