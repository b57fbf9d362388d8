"""The platform's own fetch of an allowed URL: from that host, over TLS, at the checked address, and an image or nothing.

A real HTTPS server on loopback; the resolver of the tests says that the host's name leads there.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import trustme
from aiohttp import web

from domicile.data_plane.egress import EgressPolicy, EgressRefusedError, PublicResolver, is_public_address
from domicile.data_plane.engines import fetch
from domicile.data_plane.engines.fetch import ImageFetcher
from domicile.data_plane.inference.remote_images import FetchedImages
from domicile.data_plane.policy.remote_image import RemoteImage
from domicile.kernel.errors import DomicileError
from domicile.kernel.geography import country_set
from domicile.settings.fetch_hosts import FetchHost
from tests.component.data_plane.region_under_test import region_under_test, stub_engine
from tests.pictures import encoded
from tests.unit.data_plane.region_parts import engine_settings

HOST = "pictures.example"
PARAM = "messages[0].content[1].image_url.url"
EUROPE = EgressPolicy(country_set(["EEA+CH"]))
PNG = encoded("PNG", 5, 7)


@dataclass
class Pictures:
    """The host, and everything that has come to it."""

    port: int = 0
    asked: list[web.Request] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)
    answers: list[list[str]] = field(default_factory=list)
    """What each look-up of the name says; the last for all further ones."""

    async def addresses_of(self, host: str, _port: int) -> list[str]:
        """The resolver's."""
        self.resolved.append(host)
        return self.answers[min(len(self.resolved), len(self.answers)) - 1]

    def image(self, path: str) -> RemoteImage:
        """As policy would allow it."""
        return RemoteImage(PARAM, f"https://{HOST}:{self.port}{path}", HOST, self.port)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        if request.path == "/slow":
            await asyncio.Event().wait()
        if request.path == "/endless":
            response = web.StreamResponse()
            await response.prepare(request)
            while True:
                await response.write(bytes(64 * 1024))
        known: dict[str, web.Response] = {
            "/png": web.Response(body=PNG, content_type="text/html", headers={"set-cookie": "a=b"}),
            "/webp": web.Response(body=encoded("WEBP", 5, 7), content_type="image/png"),
            "/text": web.Response(body=b"<svg xmlns='http://elsewhere.example'/>", content_type="image/png"),
            "/empty": web.Response(body=b"", content_type="image/png"),
            "/elsewhere": web.Response(status=302, headers={"location": f"https://{HOST}:{self.port}/png"}),
            "/absent": web.Response(status=404, body=PNG),
        }
        return known[request.path]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@asynccontextmanager
async def serving(pictures: Pictures, authority: trustme.CA, name: str = HOST) -> AsyncIterator[Pictures]:
    certificate = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(certificate)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", pictures.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=certificate).start()
    pictures.port = runner.addresses[0][1]
    pictures.answers = pictures.answers or [["127.0.0.1"]]
    try:
        yield pictures
    finally:
        await runner.cleanup()


@pytest_asyncio.fixture
async def pictures(authority: trustme.CA) -> AsyncIterator[Pictures]:
    async with serving(Pictures(), authority) as running:
        yield running


def hosts(pictures: Pictures, **members: Any) -> list[FetchHost]:
    return [FetchHost.model_validate({"host": HOST, "port": pictures.port, "country": "DE", **members})]


def fetcher(pictures: Pictures, authority: trustme.CA, *, timeout_s: float = 5.0, **members: Any) -> ImageFetcher:
    """With the machine's loopback taken for public, and the tests' own authority trusted."""
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    resolver = PublicResolver(pictures.addresses_of, members.pop("is_public", lambda address: address == "127.0.0.1"))
    return ImageFetcher(hosts(pictures), EUROPE, resolver=resolver, trusted=trusted, timeout_s=timeout_s)


async def refused(asked: ImageFetcher, image: RemoteImage, code: str = "url_not_allowed") -> str:
    with pytest.raises(DomicileError) as caught:
        await asked.fetch([image], "proj_one")
    assert (caught.value.category.value[0], caught.value.code, caught.value.param) == (400, code, PARAM)
    return caught.value.message


async def test_an_image_comes_as_what_it_is_and_the_request_tells_nothing(
    pictures: Pictures, authority: trustme.CA
) -> None:
    found = await fetcher(pictures, authority).fetch([pictures.image("/png?w=1&s=%2F")], "proj_one")
    assert found[PARAM].startswith("data:image/png;base64,iVBORw0KGgo")
    [request] = pictures.asked
    assert (request.method, request.raw_path) == ("GET", "/png?w=1&s=%2F")
    assert {name.lower() for name in request.headers} == {"host", "accept", "connection"}
    assert request.headers["host"] == f"{HOST}:{pictures.port}"
    kind = (await fetcher(pictures, authority).fetch([pictures.image("/webp")], "proj_one"))[PARAM]
    assert kind.startswith("data:image/webp;base64,"), "by its content, whatever its host says"
    assert "cookie" not in pictures.asked[1].headers


async def test_the_name_is_looked_up_once_and_its_checked_address_is_the_one(
    pictures: Pictures, authority: trustme.CA
) -> None:
    """A name that leads elsewhere the second time (rebinding) is not asked a second time."""
    pictures.answers = [["127.0.0.1"], ["10.0.0.1"]]
    assert await fetcher(pictures, authority).fetch([pictures.image("/png")], "proj_one")
    assert pictures.resolved == [HOST]
    assert "public address" in await refused(fetcher(pictures, authority), pictures.image("/png"))
    assert len(pictures.asked) == 1


@pytest.mark.parametrize("answer", [[], ["10.0.0.1"], ["127.0.0.1", "192.168.0.1"], ["127.0.0.1"]])
async def test_one_address_that_is_not_public_is_enough(
    pictures: Pictures, authority: trustme.CA, answer: list[str]
) -> None:
    pictures.answers = [answer]
    only_real: dict[str, Any] = {"is_public": is_public_address} if answer == ["127.0.0.1"] else {}
    assert "public address" in await refused(fetcher(pictures, authority, **only_real), pictures.image("/png"))
    assert pictures.asked == []


async def test_a_redirect_is_not_followed(pictures: Pictures, authority: trustme.CA) -> None:
    assert "redirects are not followed" in await refused(fetcher(pictures, authority), pictures.image("/elsewhere"))
    assert "200" in await refused(fetcher(pictures, authority), pictures.image("/absent"))
    assert [request.path for request in pictures.asked] == ["/elsewhere", "/absent"]


async def test_time_and_size_are_bounded(
    pictures: Pictures, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "took longer" in await refused(fetcher(pictures, authority, timeout_s=0.2), pictures.image("/slow"))
    assert f"{fetch.FETCH_BYTES_MAX} bytes" in await refused(fetcher(pictures, authority), pictures.image("/endless"))


async def test_what_is_no_image_goes_no_further(pictures: Pictures, authority: trustme.CA) -> None:
    for path in ("/text", "/empty"):
        await refused(fetcher(pictures, authority), pictures.image(path), "invalid_file")


async def test_the_certificate_is_held_against_the_name(pictures: Pictures, authority: trustme.CA) -> None:
    assert "TLS" in await refused(fetcher(pictures, trustme.CA()), pictures.image("/png"))
    async with serving(Pictures(), authority, name="other.example") as other:
        assert "TLS" in await refused(fetcher(other, authority), other.image("/png"))
        assert other.asked == []
    assert pictures.asked == []


async def test_a_host_that_the_operator_did_not_name_is_not_asked(pictures: Pictures, authority: trustme.CA) -> None:
    """Policy has refused it long before; here it has no destination either."""
    for image in (
        RemoteImage(PARAM, f"https://localhost:{pictures.port}/png", "localhost", pictures.port),
        RemoteImage(PARAM, f"https://localhost:{pictures.port}/png", HOST, pictures.port),
    ):
        assert "public addresses only" in await refused(fetcher(pictures, authority), image)
    assert pictures.asked == []


@pytest.mark.contract("C08")
def test_a_host_outside_the_region_stops_the_start(pictures: Pictures) -> None:
    with pytest.raises(EgressRefusedError, match="stands in US"):
        ImageFetcher(hosts(pictures, country="US"), EUROPE)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.2.1",
        "198.18.0.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fd00::1",
        "fec0::1", "ff02::1", "2001:db8::1", "::ffff:8.8.8.8", "::ffff:127.0.0.1", "2002:7f00:1::", "2001:0:1::1",
        "64:ff9b::7f00:1", "64:ff9b:1::1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public_address(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "193.99.144.80", "2a02:2e0:3fe:1001:302::"])
def test_addresses_that_are(address: str) -> None:
    assert is_public_address(address)


async def test_a_request_with_an_allowed_url_reaches_the_engine_as_an_image(
    pictures: Pictures, authority: trustme.CA, tmp_path: Path
) -> None:
    def body(url: str, detail: str = "low") -> dict[str, Any]:
        part = {"type": "image_url", "image_url": {"url": url, "detail": detail}}
        text = {"type": "text", "text": "What is this?"}
        return {"model": "gpt-4o", "messages": [{"role": "user", "content": [text, part]}]}

    with stub_engine(tmp_path, "one") as stub:
        models = dict.fromkeys(("gpt-4o-2024-08-06", "omni-moderation-latest"), "one-model")
        engine = engine_settings("one", socket=stub.socket, modalities=["text", "image"], models=models)
        step = FetchedImages(fetcher(pictures, authority))
        async with region_under_test(tmp_path, [engine], fetch_hosts=hosts(pictures), preparations=[step]) as region:
            answer = await region.http.post("/v1/chat/completions", json=body(pictures.image("/png").url))
            assert answer.status_code == 200, answer.text
            sent = stub.received[-1]["body"]["messages"][0]["content"][1]["image_url"]
            assert sent["url"].startswith("data:image/png;base64,")
            assert sent["detail"] == "low"
            moderated = [{"type": "image_url", "image_url": {"url": pictures.image("/png").url}}]
            await region.http.post("/v1/moderations", json={"input": moderated})
            assert stub.received[-1]["body"]["input"][0]["image_url"]["url"] == sent["url"]
            for url, code in (
                (pictures.image("/elsewhere").url, "url_not_allowed"),
                (pictures.image("/text").url, "invalid_file"),
                (f"https://{HOST}/png", "url_not_allowed"),
                (f"http://{HOST}:{pictures.port}/png", "url_not_allowed"),
            ):
                answer = await region.http.post("/v1/chat/completions", json=body(url))
                error = answer.json()["error"]
                assert (answer.status_code, error["code"], error["param"]) == (400, code, PARAM)
            assert len(stub.received) == 2
            assert len(await region.ledger(2)) == 2
        # Should the step ever be missing: the engine still sees no address.
        (tmp_path / "without").mkdir()
        async with region_under_test(
            tmp_path / "without", [engine], fetch_hosts=hosts(pictures), preparations=()
        ) as region:
            answer = await region.http.post("/v1/chat/completions", json=body(pictures.image("/png").url))
            assert answer.status_code == 500
            assert len(stub.received) == 2
