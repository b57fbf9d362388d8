"""The relay leads to its destination and nowhere else."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from domicile.data_plane.egress_relay import relay_to
from domicile.kernel.geography import Destination


@pytest_asyncio.fixture
async def echo() -> AsyncIterator[Destination]:
    """A server that sends back what it gets."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield Destination("127.0.0.1", server.sockets[0].getsockname()[1], "DE")


async def asked(proxy: str, head: str, content: bytes = b"") -> bytes:
    """All that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(proxy.rpartition(":")[2]))
    writer.write(head.encode("ascii") + content)
    writer.write_eof()
    async with asyncio.timeout(30):
        answer = await reader.read()
    writer.close()
    return answer


async def test_it_relays_both_ways_to_its_destination(echo: Destination) -> None:
    content = bytes(range(256)) * 40_000
    async with relay_to(echo) as proxy:
        answer = await asked(proxy, f"CONNECT {echo.host}:{echo.port} HTTP/1.1\r\nHost: x\r\n\r\n", content)
    assert answer == b"HTTP/1.1 200 Connection established\r\n\r\n" + content


async def test_it_refuses_all_else(echo: Destination) -> None:
    async with relay_to(echo) as proxy:
        for head in (
            f"CONNECT localhost:{echo.port} HTTP/1.1\r\n\r\n",
            f"CONNECT {echo.host}:{echo.port + 1} HTTP/1.1\r\n\r\n",
            f"CONNECT {echo.host}:{echo.port}@elsewhere:443 HTTP/1.1\r\n\r\n",
            f"GET http://{echo.host}:{echo.port}/ HTTP/1.1\r\n\r\n",
            "\r\n\r\n",
        ):
            assert (await asked(proxy, head)).startswith(b"HTTP/1.1 403 "), head


async def test_it_ends_with_its_block_and_its_connections_too(echo: Destination) -> None:
    async with relay_to(echo) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(proxy.rpartition(":")[2]))
        writer.write(f"CONNECT {echo.host}:{echo.port} HTTP/1.1\r\n\r\n".encode("ascii"))
        assert await reader.readline() == b"HTTP/1.1 200 Connection established\r\n"
    async with asyncio.timeout(30):
        await reader.read()
    writer.close()
