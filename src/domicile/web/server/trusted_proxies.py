"""Whom a listener behind a TLS proxy listens to: the proxies that are named, and nobody who goes around them.

Nothing on this platform decides by a client's address, and no log holds one: so of what proxies say of their clients, only
how they came is read. From a listener that names no proxies, `Forwarded` and `X-Forwarded-*` are headers like any other.
"""

import asyncio
import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import structlog

from domicile.kernel import errors
from domicile.kernel.errors import DomicileError

log = structlog.get_logger("http")

# RFC 7239: `proto=https`, quoted or not, among other parameters and further elements.
_FORWARDED_PROTO = re.compile(rb"(?:^|[;,])\s*proto\s*=\s*\"?([^\s\";,]*)", re.IGNORECASE)


class TrustedProxies:
    """Networks out of which connections are accepted at all."""

    def __init__(self, networks: Sequence[IPv4Network | IPv6Network]) -> None:
        self._networks = tuple(networks)
        self._said = False

    def include(self, transport: asyncio.BaseTransport) -> bool:
        """Whether the other end of a connection is one of them. An address that cannot be told is not."""
        address = _address(transport.get_extra_info("peername"))
        if address is not None and any(address in network for network in self._networks):
            return True
        if not self._said:
            # Once, and without the address: whoever set the networks wrong needs to know, and no more.
            self._said = True
            log.warning("untrusted_peer_refused", hint="tls.trusted_proxies names whose connections are accepted")
        return False


def came_in_clear(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a trusted proxy says that a request crossed any part of its way without TLS. `headers` in lower case."""
    for name, value in headers:
        if name == b"x-forwarded-proto":
            said = [part.strip() for part in value.split(b",")]
        elif name == b"forwarded":
            said = _FORWARDED_PROTO.findall(value)
        else:
            continue
        if any(protocol.lower() != b"https" for protocol in said):
            return True
    return False


def https_required() -> DomicileError:
    """What a caller is told whose request came in clear."""
    return errors.forbidden(
        "https_required",
        "This request crossed a network without TLS, and its API key with it. Send requests to https, and replace the key.",
    )


def _address(peer: object) -> IPv4Address | IPv6Address | None:
    if not isinstance(peer, tuple) or not peer:
        return None
    try:
        address = ip_address(str(peer[0]).partition("%")[0])
    except ValueError:
        return None
    # A listener on `::` sees IPv4 in this form.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
