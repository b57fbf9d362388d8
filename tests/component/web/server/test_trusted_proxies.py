"""Who may connect behind a TLS proxy, and what is believed of what the proxy says."""

import asyncio
import json
import socket
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, cast

import pytest

from domicile.web.error_rendering import RenderedError
from domicile.web.server.trusted_proxies import TRUSTED_PROXIES, TrustedProxies, came_without_tls, client_address
from tests.component.web.live_server import DEADLINE_S, LOOPS, RecordingApplication, live_server
from tests.platform.certificates import Issuer

HEAD = b"GET /hello?say=hi HTTP/1.1\r\nHost: h\r\n"


class Peer:
    """The one thing that is asked of a transport."""

    def __init__(self, name: object) -> None:
        self._name = name

    def get_extra_info(self, name: str) -> object:
        return self._name if name == "peername" else None


@pytest.mark.parametrize(
    ("peer", "is_trusted"),
    [
        (("10.0.0.7", 1), True),
        (("10.0.0.8", 1), False),
        (("10.1.255.255", 1), True),
        (("::ffff:10.0.0.7", 1, 0, 0), True),
        (("::ffff:10.0.0.8", 1, 0, 0), False),
        (("fd00::5", 1, 0, 0), True),
        (("fe80::7%eth0", 1, 0, 2), True),
        (("fd01::5", 1, 0, 0), False),
        (("127.0.0.1", 1), False),
        (None, False),
        ("", False),
        (("no address", 1), False),
    ],
)
def test_only_named_networks_are_trusted(peer: object, is_trusted: bool) -> None:
    networks = [ip_network(each) for each in ("10.0.0.7", "10.1.0.0/16", "fd00::/64", "fe80::7")]
    assert TrustedProxies(networks).include(cast(asyncio.BaseTransport, Peer(peer))) is is_trusted


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([], None),
        ([b"203.0.113.7"], "203.0.113.7"),
        ([b"203.0.113.7:4711"], "203.0.113.7"),
        ([b"[2001:db8::1]:4711"], "2001:db8::1"),
        ([b"2001:db8::1"], "2001:db8::1"),
        # Before what the first proxy saw stands what the client claims.
        ([b"192.0.2.1, 203.0.113.7"], "203.0.113.7"),
        ([b"192.0.2.1, 203.0.113.7, 10.0.0.7"], "203.0.113.7"),
        ([b"192.0.2.1", b"203.0.113.7 , 10.0.0.7"], "203.0.113.7"),
        ([b"10.0.0.7"], None),
        ([b"192.0.2.1, unknown"], None),
        ([b"192.0.2.1, "], None),
        ([b""], None),
    ],
)
def test_behind_proxies_the_client_is_the_last_address_that_is_no_proxys(
    headers: list[bytes], found: str | None
) -> None:
    lines = [(b"host", b"h"), *((b"x-forwarded-for", value) for value in headers)]
    scope = {"headers": lines, "client": ("10.0.0.7", 1), TRUSTED_PROXIES: TrustedProxies([ip_network("10.0.0.7")])}
    assert client_address(scope) == (None if found is None else ip_address(found))


def test_without_proxies_the_client_is_the_peer_whatever_it_claims() -> None:
    claims = [(b"x-forwarded-for", b"203.0.113.7")]
    assert client_address({"headers": claims, "client": ("::ffff:192.0.2.1", 5)}) == ip_address("192.0.2.1")
    assert client_address({"headers": claims, "client": None}) is None


@pytest.mark.parametrize(
    ("name", "value", "in_clear"),
    [
        (b"x-forwarded-proto", b"https", False),
        (b"x-forwarded-proto", b"HTTPS", False),
        (b"x-forwarded-proto", b"http", True),
        (b"x-forwarded-proto", b"https, http", True),
        (b"x-forwarded-proto", b"", True),
        (b"x-forwarded-proto", b"ws", True),
        (b"forwarded", b"for=192.0.2.60;proto=https;by=203.0.113.43", False),
        (b"forwarded", b"for=192.0.2.60; Proto=http", True),
        (b"forwarded", b'for="[2001:db8::17]";proto="http"', True),
        (b"forwarded", b"for=192.0.2.43, for=198.51.100.17;proto=http", True),
        (b"forwarded", b"proto=https, proto=http", True),
        (b"forwarded", b"for=192.0.2.43", False),
        (b"x-forwarded-for", b"http", False),
    ],
)
def test_what_a_proxy_says_of_the_way_there(name: bytes, value: bytes, in_clear: bool) -> None:
    assert came_without_tls([(b"host", b"h"), (name, value)]) is in_clear


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("tls", [False, True], ids=["clear", "tls"])
def test_a_stranger_is_cut_off_before_a_byte_is_read(loop: str, tls: bool, tmp_path: Path) -> None:
    recording, heads = RecordingApplication(), []

    def gate(scope: Any) -> None:
        heads.append(scope)

    issuer = Issuer(tmp_path) if tls else None
    elsewhere = TrustedProxies([ip_network("192.0.2.0/24")])
    with live_server(recording.asgi, loop, issuer, trusted_proxies=elsewhere, head_gate=gate) as server:
        sock = socket.create_connection((server.host, server.port), DEADLINE_S)
        with sock, pytest.raises(ConnectionError):
            while True:
                sock.sendall(HEAD + b"\r\n")
                assert sock.recv(1) == b"", "nothing is answered"
    assert (recording.seen, heads) == ([], [])


def test_what_the_named_proxy_got_in_clear_is_refused_on_the_head() -> None:
    recording = RecordingApplication()
    refused: list[RenderedError] = []
    here = TrustedProxies([ip_network("127.0.0.0/8")])
    options: dict[str, Any] = {"trusted_proxies": here, "on_refusal": refused.append}
    with live_server(recording.asgi, "uvloop", **options) as server:
        with server.connect() as connection:
            connection.send(
                b"POST /echo HTTP/1.1\r\nHost: h\r\nX-Forwarded-Proto: http\r\nContent-Length: 5000\r\n\r\nsome"
            )
            answer = connection.answer()
            assert (answer.status, json.loads(answer.body)["error"]["code"]) == (403, "https_required")
            assert connection.rest() == b""
        with server.connect() as connection:
            connection.send(HEAD + b"X-Forwarded-Proto: https\r\nX-Forwarded-For: 192.0.2.9\r\n\r\n")
            assert connection.answer().status == 200
    assert recording.seen == ["hello"]
    assert [each.code for each in refused] == ["https_required"]


def test_without_named_proxies_nobody_is_believed() -> None:
    with live_server(RecordingApplication().asgi) as server, server.connect() as connection:
        connection.send(HEAD + b"X-Forwarded-Proto: http\r\nForwarded: proto=http\r\n\r\n")
        assert connection.answer().status == 200
