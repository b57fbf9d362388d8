"""Holds a library that opens its own sockets to one destination: it gets a proxy of ours that leads nowhere else.

obstore follows a redirect on every read, wherever it leads, and has no switch for it. Through this relay (HTTP's CONNECT,
RFC 9110 9.3.6) a redirect to another host is refused with 403. TLS runs through it end to end, so it sees ciphertext only.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress

import structlog

from domicile.kernel.geography import Destination

log = structlog.get_logger("egress")

# Of each direction's buffer, and so of the head too.
_BUFFER_BYTES = 1024 * 1024
_HEAD_S = 10.0
_CONNECT_S = 10.0
_PIECE_BYTES = 256 * 1024


@asynccontextmanager
async def relay_to(allowed: Destination) -> AsyncIterator[str]:
    """The URL of a proxy on loopback that connects to `allowed` and refuses all else. Closed when the block ends."""
    relaying: set[asyncio.Task[None]] = set()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            await _relay(allowed, reader, writer)

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own: asyncio 3.11 logs an error for one of its own that is cancelled.
        task = asyncio.create_task(relay(reader, writer))
        relaying.add(task)
        task.add_done_callback(relaying.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=_BUFFER_BYTES)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in relaying:
            task.cancel()
        await asyncio.gather(*relaying, return_exceptions=True)


async def _relay(allowed: Destination, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    async with asyncio.timeout(_HEAD_S):
        head = await reader.readuntil(b"\r\n\r\n")
    if head.partition(b"\r\n")[0] != f"CONNECT {allowed.host}:{allowed.port} HTTP/1.1".encode("ascii"):
        log.error("egress_refused")
        writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        return
    async with asyncio.timeout(_CONNECT_S):
        to_reader, to_writer = await asyncio.open_connection(allowed.host, allowed.port)
    try:
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        async with asyncio.TaskGroup() as both:
            both.create_task(_copy(reader, to_writer))
            both.create_task(_copy(to_reader, writer))
    except* OSError:
        # One side has reset its connection: both are closed.
        pass
    finally:
        to_writer.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Until the source ends. The next piece is read when the target has taken the one before."""
    while piece := await source.read(_PIECE_BYTES):
        target.write(piece)
        await target.drain()
    if target.can_write_eof():
        target.write_eof()
