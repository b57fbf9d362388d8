"""A listener beyond loopback is never in clear by oversight, and nobody goes around the proxy before it."""

from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from domicile.settings.listener import Listener

PAIR: dict[str, Any] = {"certificate_file": Path("/c.pem"), "key_file": Path("/k.pem")}
BEHIND: dict[str, Any] = {"behind_proxy": True, "trusted_proxies": ("10.0.0.7", "fd00::/64")}


def listening(host: str = "127.0.0.1", **tls: Any) -> Listener:
    return Listener.model_validate({"host": host, "port": 1, "tls": tls})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost"])
def test_loopback_needs_nothing_more(host: str) -> None:
    assert not listening(host).tls.is_spoken
    assert listening(host, behind_proxy=True).tls.is_spoken


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "2001:db8::1", "eu.example.com", "127.evil.example", ""])
def test_every_other_address_must_say_who_speaks_tls_and_name_its_proxies(host: str) -> None:
    with pytest.raises(ValidationError, match="behind_proxy = true"):
        listening(host)
    with pytest.raises(ValidationError, match=r"name in tls\.trusted_proxies"):
        listening(host, behind_proxy=True)
    assert listening(host, **BEHIND).tls.is_spoken
    assert listening(host, **PAIR).tls.is_spoken


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"certificate_file": "/c.pem"}, "both or neither"),
        ({"key_file": "/k.pem"}, "both or neither"),
        ({**PAIR, "behind_proxy": True}, "choose one"),
        ({"trusted_proxies": ("10.0.0.7",)}, "behind_proxy = true"),
        ({"behind_proxy": True, "trusted_proxies": ("0.0.0.0/0",)}, "covers every address"),
        ({"behind_proxy": True, "trusted_proxies": ("::/0",)}, "covers every address"),
        ({"behind_proxy": True, "trusted_proxies": ("10.0.0.7/8",)}, "trusted_proxies"),
        ({"behind_proxy": True, "trusted_proxies": ("proxy.example.com",)}, "trusted_proxies"),
    ],
)
def test_what_contradicts_itself_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        listening(**settings)


def test_who_ends_tls_elsewhere_and_begins_it_again_may_be_named() -> None:
    assert listening("10.0.0.5", **PAIR, trusted_proxies=(ip_network("10.0.0.7"),)).tls.trusted_proxies


@pytest.mark.parametrize(
    ("listener", "url", "said"),
    [
        (listening(), "http://127.0.0.1:1", None),
        (listening(), "http://localhost:1/v1", None),
        (listening(), "https://eu.example.com", None),
        (listening(), "http://eu.example.com", "is not loopback"),
        (listening(**PAIR), "http://127.0.0.1:1", "speaks TLS"),
        (listening(**BEHIND), "http://127.0.0.1:1", "speaks TLS"),
        (listening(**PAIR), "https://127.0.0.1:1", None),
    ],
)
def test_the_url_that_others_are_told_is_as_safe(listener: Listener, url: str, said: str | None) -> None:
    if said is None:
        listener.require_tls_in("public_url", url)
        return
    with pytest.raises(ValueError, match=f"public_url must start with https: .*{said}"):
        listener.require_tls_in("public_url", url)
