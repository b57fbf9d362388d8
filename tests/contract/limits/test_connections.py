"""How the store is reached: over TLS to the named host alone, with a password out of a file."""

import asyncio
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.platform.certificates import Issuer
from tests.platform.processes import ROOT
from tests.platform.valkey_server import ValkeyServer, running_valkey

from domicile.data_plane.egress import EgressPolicy, EgressRefusedError
from domicile.data_plane.limits.store import StoreAwayError
from domicile.data_plane.limits.valkey_store import ValkeyAddress, ValkeyStore
from domicile.kernel.geography import Destination, country_set

DEADLINE_S = 5.0


async def answers(address: ValkeyAddress) -> bool:
    """Whether the store can be used at this address."""
    store = ValkeyStore(address, DEADLINE_S)
    try:
        await store.ping()
    except StoreAwayError:
        return False
    finally:
        await store.close()
    return True


@asynccontextmanager
async def over_tls(valkey: ValkeyServer, issuer: Issuer) -> AsyncIterator[int]:
    """A port that speaks TLS and passes everything on to the server."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(valkey.socket)
        await asyncio.gather(pass_on(reader, back), pass_on(there, writer), return_exceptions=True)

    shown = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    shown.load_cert_chain(issuer.certificate_file, issuer.key_file)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=shown)
    async with server:
        yield int(server.sockets[0].getsockname()[1])


async def test_tls_to_a_server_that_its_authority_has_named(valkey: ValkeyServer, tmp_path: Path) -> None:
    right, other = Issuer(tmp_path / "right"), Issuer(tmp_path / "other")
    async with over_tls(valkey, right) as port:
        place, trusted = Destination("localhost", port, "DE"), right.ca_file.read_text()
        assert await answers(ValkeyAddress(place, is_tls=True, trusted=trusted))
        assert not await answers(ValkeyAddress(place, is_tls=True))
        assert not await answers(ValkeyAddress(place, is_tls=True, trusted=other.ca_file.read_text()))
        assert not await answers(ValkeyAddress(place)), "it does not speak in clear"
    elsewhere = Issuer(tmp_path / "elsewhere", "limits.example.com")
    async with over_tls(valkey, elsewhere) as port:
        place = Destination("localhost", port, "DE")
        assert not await answers(ValkeyAddress(place, is_tls=True, trusted=elsewhere.ca_file.read_text()))


async def test_a_password_is_read_for_each_connection(tmp_path: Path) -> None:
    file = tmp_path / "password"
    with running_valkey("--requirepass", "right", "--user", "region", "on", ">own", "~*", "+@all") as valkey:
        for user, word, expected in ((None, "right", True), (None, "wrong", False), ("region", "own", True)):
            file.write_text(word)
            address = ValkeyAddress(valkey.socket, user=user, password=file.read_text)
            assert await answers(address) is expected, (user, word)
        assert not await answers(ValkeyAddress(valkey.socket))
        file.write_bytes(b"\xff")
        assert not await answers(ValkeyAddress(valkey.socket, password=lambda: file.read_text("utf-8")))


def test_a_store_outside_the_region_is_refused() -> None:
    egress = EgressPolicy(country_set(("DE",)))
    assert egress.limit_store("rediss://limits.example.com", "DE") == Destination("limits.example.com", 6379, "DE")
    assert egress.limit_store("unix:///run/valkey.sock", "DE") is None
    with pytest.raises(EgressRefusedError, match="the store of rate limits stands in US"):
        egress.limit_store("rediss://limits.example.com", "US")


def test_the_client_is_loaded_only_where_a_store_is_configured() -> None:
    code = "import sys, domicile.apps.region.process, domicile.apps.region.worker; sys.exit('redis' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
