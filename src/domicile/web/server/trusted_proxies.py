"""Accept connections only from the configured proxies, for a listener behind a TLS proxy.

Of the proxies' headers only the protocol is read: no rule and no log of this platform uses client addresses. A listener without
configured proxies ignores `Forwarded` and `X-Forwarded-*`.
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
    """The networks from which a listener accepts connections."""

    def __init__(self, networks: Sequence[IPv4Network | IPv6Network]) -> None:
        self._networks = tuple(networks)
        self._has_warned = False

    def include(self, transport: asyncio.BaseTransport) -> bool:
        """Whether the peer of a connection is in one of the networks. False for an unknown address. Warns once."""
        address = _address(transport.get_extra_info("peername"))
        if address is not None and any(address in network for network in self._networks):
            return True
        if not self._has_warned:
            # Once and without the address: enough for an operator who has configured the wrong networks.
            self._has_warned = True
            log.warning("untrusted_peer_refused", hint="only connections from tls.trusted_proxies are accepted")
        return False


def came_without_tls(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a proxy reports that the request travelled any part of its way without TLS. `headers` in lower case."""
    for name, value in headers:
        if name == b"x-forwarded-proto":
            protocols = [part.strip() for part in value.split(b",")]
        elif name == b"forwarded":
            protocols = _FORWARDED_PROTO.findall(value)
        else:
            continue
        if any(protocol.lower() != b"https" for protocol in protocols):
            return True
    return False


def https_required() -> DomicileError:
    """403 for a request that travelled without TLS."""
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
    # A listener on `::` sees IPv4 addresses as mapped IPv6 addresses.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
