"""A session connects to the destination it was made for and to no other (design 3)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientTimeout, web

from domicile.data_plane.egress import (
    EgressPolicy,
    EgressRefusedError,
    destination,
    session_to,
    session_to_socket,
)
from domicile.data_plane.engines.upstream import Upstream
from domicile.data_plane.engines.vendors.choice import vendor_of
from domicile.kernel.geography import Destination, country_set
from tests.unit.data_plane.region_parts import engine_settings

TIMEOUT = ClientTimeout(total=5)
EUROPE = EgressPolicy(country_set(["EEA+CH"]))


class Counting:
    """A server that counts who comes."""

    def __init__(self) -> None:
        self.url = ""
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.redirect_to = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(str(request.rel_url))
        self.headers.append(dict(request.headers))
        if request.path == "/redirect":
            raise web.HTTPFound(self.redirect_to)
        return web.Response(text="here", headers={"set-cookie": "a=b"})


@asynccontextmanager
async def counting(socket: Path | None = None) -> AsyncIterator[Counting]:
    server = Counting()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    if socket is not None:
        await web.UnixSite(runner, str(socket)).start()
    else:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = "http://{}:{}".format(*runner.addresses[0][:2])
    try:
        yield server
    finally:
        await runner.cleanup()


async def test_it_reaches_its_destination_with_nothing_of_its_own() -> None:
    async with counting() as server, session_to(destination(server.url, "DE"), TIMEOUT, connections=1) as session:
        for _ in range(2):
            async with session.get(f"{server.url}/a") as response:
                assert await response.text() == "here"
        assert server.paths == ["/a", "/a"]
        sent = {name.lower() for headers in server.headers for name in headers}
        # No cookie comes back, and nothing says what software asks.
        assert sent <= {"host", "accept"}


async def test_it_refuses_every_other() -> None:
    async with (
        counting() as server,
        counting() as other,
        session_to(destination(server.url, "DE"), TIMEOUT, connections=1) as session,
    ):
        for url in (
            other.url,
            server.url.replace("127.0.0.1", "localhost"),
            server.url.replace("http:", "https:").rsplit(":", 1)[0],
            "http://127.0.0.1/",
        ):
            with pytest.raises(EgressRefusedError):
                await session.get(url)
        assert other.paths == []


async def test_a_redirect_leads_nowhere() -> None:
    async with (
        counting() as server,
        counting() as other,
        session_to(destination(server.url, "DE"), TIMEOUT, connections=1) as session,
    ):
        server.redirect_to = f"{other.url}/stolen"
        with pytest.raises(EgressRefusedError):
            await session.get(f"{server.url}/redirect")
        assert (server.paths, other.paths) == (["/redirect"], [])


async def test_a_pooled_connection_serves_no_other_name() -> None:
    async with counting() as server, session_to(destination(server.url, "DE"), TIMEOUT, connections=1) as session:
        async with session.get(server.url):
            pass
        with pytest.raises(EgressRefusedError):
            await session.get(server.url.replace("127.0.0.1", "localhost"))


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
async def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    async with counting() as server, counting() as proxy:
        monkeypatch.setenv(name, proxy.url)
        async with (
            session_to(destination(server.url, "DE"), TIMEOUT, connections=1) as session,
            session.get(f"{server.url}/a") as response,
        ):
            assert response.status == 200
        assert (server.paths, proxy.paths) == (["/a"], [])


async def test_a_proxy_in_the_call_is_refused_or_of_no_use() -> None:
    async with (
        counting() as server,
        counting() as proxy,
        session_to(destination(server.url, "DE"), TIMEOUT, connections=1) as session,
    ):
        with pytest.raises(EgressRefusedError):
            await session.get("http://example.com/", proxy=server.url)
        assert (server.paths, proxy.paths) == ([], [])


async def test_a_netrc_file_of_the_user_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    async with counting() as server, session_to(destination(server.url, "DE"), TIMEOUT, connections=1) as session:
        async with session.get(server.url):
            pass
        assert "Authorization" not in server.headers[0]


async def test_a_socket_is_reached_whatever_the_url_says(tmp_path: Path) -> None:
    async with (
        counting() as other,
        counting(tmp_path / "engine.sock") as server,
        session_to_socket(tmp_path / "engine.sock", TIMEOUT, connections=1) as session,
    ):
        async with session.get(f"{other.url}/a") as response:
            assert response.status == 200
        assert (server.paths, other.paths) == (["/a"], [])


class TestPolicy:
    def test_a_destination_inside(self) -> None:
        assert EUROPE.inside("https://engine.example/v1", "DE") == Destination("engine.example", 443, "DE")
        assert EUROPE.inside("http://Engine.example:8000", "CH") == Destination("engine.example", 8000, "CH")
        assert EUROPE.inside("http://[::1]:1", "NO") == Destination("::1", 1, "NO")

    @pytest.mark.parametrize("country", ["US", "GB", "de", "", "EEA"])
    def test_a_country_outside_is_refused(self, country: str) -> None:
        with pytest.raises(EgressRefusedError, match="outside the region"):
            EUROPE.inside("https://engine.example", country)

    def test_a_url_without_a_host_is_refused(self) -> None:
        with pytest.raises(EgressRefusedError, match="needs a host"):
            destination("http://", "DE")

    async def test_an_engine_outside_the_countries_is_never_connected(self) -> None:
        settings = engine_settings(url="https://engine.example", country="US")
        with pytest.raises(EgressRefusedError, match="stands in US"):
            Upstream(settings, EUROPE, vendor_of(settings))
