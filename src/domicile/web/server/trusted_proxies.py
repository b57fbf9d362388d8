"""Accept connections only from the configured proxies, for a listener behind a TLS proxy.

Of the proxies' headers the protocol is read, and the client's address for projects that list the networks of their clients. No
log holds an address. A listener without configured proxies ignores `Forwarded` and `X-Forwarded-*`.
"""

import asyncio
import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import structlog
from starlette.types import Scope

from domicile.kernel import errors
from domicile.kernel.errors import DomicileError

log = structlog.get_logger("http")

IpAddress = IPv4Address | IPv6Address
TRUSTED_PROXIES = "trusted_proxies"
"""The scope's key for the proxies of a listener that has some."""

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
        if address is not None and self.hold(address):
            return True
        if not self._has_warned:
            # Once and without the address: enough for an operator who has configured the wrong networks.
            self._has_warned = True
            log.warning("untrusted_peer_refused", hint="only connections from tls.trusted_proxies are accepted")
        return False

    def hold(self, address: IpAddress) -> bool:
        """Whether the address is one of the proxies."""
        return any(address in network for network in self._networks)


def client_address(scope: Scope) -> IpAddress | None:
    """The address of the client. Behind proxies: the last one in `X-Forwarded-For` that is no proxy's.

    Each proxy appends the address that it saw, so what stands before that one is the client's own claim. None when the address
    is unknown, as over a Unix socket, or the proxy sends none.
    """
    proxies: TrustedProxies | None = scope.get(TRUSTED_PROXIES)
    if proxies is None:
        return _address(scope.get("client"))
    values = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    for text in reversed(b",".join(values).split(b",")):
        address = _address((_without_port(text.strip().decode("latin-1")),))
        if address is None or not proxies.hold(address):
            return address
    return None


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


def _without_port(text: str) -> str:
    """Some proxies add the client's port: `192.0.2.1:4711`, `[2001:db8::1]:4711`."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def _address(peer: object) -> IpAddress | None:
    if not isinstance(peer, tuple) or not peer:
        return None
    try:
        address = ip_address(str(peer[0]).partition("%")[0])
    except ValueError:
        return None
    # A listener on `::` sees IPv4 addresses as mapped IPv6 addresses.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
