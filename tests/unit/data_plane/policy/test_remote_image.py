"""Which URLs of images may be fetched at all: the operator's hosts, to the letter."""

from typing import Any

import pytest
from pydantic import ValidationError

from domicile.catalogue.catalogue import load_catalogue
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.policy.content import Address
from domicile.data_plane.policy.remote_image import IMAGES_MAX, allowed_images
from domicile.kernel.errors import DomicileError
from domicile.settings.fetch_hosts import FetchHost
from tests.unit.data_plane.policy.examples import region

RULE = load_catalogue().parameters[Endpoint.CHAT_COMPLETIONS].members["messages[].content[].image_url.url"]
HOSTS = [FetchHost(host="pictures.example", country="DE"), FetchHost(host="b.example", port=8443, country="CH")]


def address(url: str, param: str = "messages[0].content[0].image_url.url") -> Address:
    return Address(param, url, RULE)


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://pictures.example", "pictures.example", 443),
        ("https://pictures.example/a/b.png?w=1&t=%2F@:x", "pictures.example", 443),
        ("https://pictures.example:443/a", "pictures.example", 443),
        ("https://b.example:8443/a", "b.example", 8443),
    ],
)
def test_an_allowed_url(url: str, host: str, port: int) -> None:
    [image] = allowed_images(HOSTS, [address(url)])
    assert (image.url, image.host, image.port, image.param) == (url, host, port, "messages[0].content[0].image_url.url")


@pytest.mark.contract("C05")
@pytest.mark.parametrize(
    "url",
    [
        "http://pictures.example/a", "HTTPS://pictures.example/a", "https://PICTURES.example/a", "//pictures.example/a",
        "https://pictures.example:8443/a", "https://b.example/a", "https://a.pictures.example/a", "https://example/a",
        "https://pictures.example.evil.example/a", "https://evil.example/pictures.example", "https://pictures.example./a",
        "https://user@pictures.example/a", "https://pictures.example@evil.example/a", "https://evil.example#pictures.example",
        "https://pictures.example\\@evil.example/a", "https://pictures.example/a#b", "https://pictures.example/a b",
        "https://pictures.example/a\n", "https://pictures.example/\u00e9", "https://pictures.example?x=1",
        "https://pictures.example:0443/a", "https://pictures.example:/a", "https://127.0.0.1/a", "https://[::1]/a",
        " https://pictures.example/a", "file:///etc/passwd", "data:image/svg+xml;base64,AAAA", "",
        "https://pictures.example/" + "a" * 2048,
    ],
)  # fmt: skip
def test_whatever_else_is_refused(url: str) -> None:
    with pytest.raises(DomicileError) as caught:
        allowed_images(
            HOSTS, [address("https://pictures.example/a"), address(url, "messages[3].content[1].image_url.url")]
        )
    assert (caught.value.code, caught.value.param) == ("url_not_allowed", "messages[3].content[1].image_url.url")


def test_so_many_and_no_more() -> None:
    addresses = [address("https://pictures.example/a", str(number)) for number in range(IMAGES_MAX + 1)]
    assert len(allowed_images(HOSTS, addresses[:-1])) == IMAGES_MAX
    with pytest.raises(DomicileError, match="url_not_allowed"):
        allowed_images(HOSTS, addresses)


@pytest.mark.parametrize(
    ("hosts", "said"),
    [
        ([{"host": "a.example", "country": "US"}], "stands in US"),
        ([{"host": "a.example"}], "Field required"),
        ([{"host": "10.0.0.1", "country": "DE"}], "not an address"),
        ([{"host": "*.example", "country": "DE"}], "pattern"),
        ([{"host": "A.example", "country": "DE"}], "pattern"),
        ([{"host": "a.example", "country": "DE"}, {"host": "a.example", "port": 443, "country": "FR"}], "the same"),
        ([{"host": "a.example", "country": "DE", "path": "/x"}], "Extra"),
    ],
)
def test_what_is_wrong_with_a_host_stops_the_start(hosts: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        region("eu", fetch_hosts=hosts)
