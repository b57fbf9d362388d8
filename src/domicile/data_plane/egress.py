"""All outgoing connections of a region's process: host, port, country. No destination is allowed by default (design 3).

Only this module makes client sessions. A session connects only to its own destination, so redirects, proxies from the
environment and addresses in requests cannot lead elsewhere.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import ClientRequest, ClientTimeout
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from domicile.kernel.geography import CountrySet, Destination

# Shorter than the 5 s after which uvicorn and llama.cpp close an idle connection. A request on a closing connection fails, and
# a POST is not retried.
_IDLE_CONNECTION_S = 4.0
_POSTGRESQL_PORT = 5432
_VALKEY_PORT = 6379
# NAT64, well-known and local prefix: any IPv4 address can hide in such an IPv6 address.
_HIDING = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))


class EgressRefusedError(Exception):
    """A connection that the policy does not allow. The cause is the configuration, a name's addresses or a defect."""


class EgressPolicy:
    """Allows destinations in the region's countries. The control plane is the one exception: see `destination`."""

    def __init__(self, countries: CountrySet) -> None:
        self._countries = countries

    def inside(self, url: str, country: str) -> Destination:
        """A destination inside the region. Raises `EgressRefusedError` when its country is not one of the region's."""
        if country not in self._countries:
            raise EgressRefusedError(f"{urlsplit(url).hostname} stands in {country}, outside the region")
        return destination(url, country)

    def database(self, url: str, country: str) -> Destination | None:
        """Like `inside`, for a database server. None for a Unix socket, which cannot leave the machine."""
        return self._server(url, country, "database", _POSTGRESQL_PORT)

    def limit_store(self, url: str, country: str) -> Destination | None:
        """Like `database`, for the store of rate limits."""
        return self._server(url, country, "store of rate limits", _VALKEY_PORT)

    def _server(self, url: str, country: str, what: str, default_port: int) -> Destination | None:
        parts = urlsplit(url)
        if country not in self._countries:
            raise EgressRefusedError(f"the {what} stands in {country}, outside the region")
        return Destination(parts.hostname, parts.port or default_port, country) if parts.hostname else None


def destination(url: str, country: str) -> Destination:
    """The destination of a URL, in any country. Only for the control plane, which gets boundary types only.

    Raises `EgressRefusedError` for a URL without a host.
    """
    parts = urlsplit(url)
    if parts.hostname is None:
        raise EgressRefusedError("a destination needs a host")
    return Destination(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80), country)


def session_to(
    allowed: Destination, timeout: ClientTimeout, *, connections: int, ca_file: Path | None = None
) -> aiohttp.ClientSession:
    """A session that connects to one destination. No cookies, no proxies from the environment.

    `ca_file`: the only CA certificates to trust. None: the system's. Raises OSError when it cannot be read.
    """
    trusted: ssl.SSLContext | bool = True if ca_file is None else ssl.create_default_context(cafile=ca_file)
    connector = _OneDestinationConnector(allowed, limit=connections, keepalive_timeout=_IDLE_CONNECTION_S, ssl=trusted)
    return _session(connector, timeout)


async def system_addresses(host: str, port: int) -> list[str]:
    """The addresses of a name by the machine's resolver. Raises OSError for an unknown name."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def is_public_address(address: str) -> bool:
    """Whether an address is on the public Internet. False also for forms that hide another address: IPv4 in IPv6, 6to4, Teredo,
    NAT64."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address) and (
        parsed.ipv4_mapped
        or parsed.sixtofour
        or parsed.teredo
        or parsed.is_site_local
        or any(parsed in network for network in _HIDING)
    ):
        return False
    return parsed.is_global and not (parsed.is_multicast or parsed.is_reserved)


class PublicResolver:
    """Resolves a name once, to the address that is then connected to. So a second, different DNS answer (DNS rebinding) has no
    effect, and addresses of private networks are refused."""

    def __init__(
        self,
        addresses_of: Callable[[str, int], Awaitable[list[str]]] = system_addresses,
        is_public: Callable[[str], bool] = is_public_address,
    ) -> None:
        self._addresses_of = addresses_of
        self._is_public = is_public

    async def address(self, allowed: Destination) -> str:
        """Raises `EgressRefusedError` when one of the name's addresses is not public, OSError when there is none."""
        addresses = await self._addresses_of(allowed.host, allowed.port)
        if not addresses or not all(self._is_public(address) for address in addresses):
            raise EgressRefusedError("the name has an address that is not public, or none")
        return addresses[0]


def session_to_address(
    allowed: Destination, address: str, timeout: ClientTimeout, *, trusted: ssl.SSLContext | None = None
) -> aiohttp.ClientSession:
    """A session for one request to a destination at an address that was checked before.

    The server's certificate must match the destination's name. `trusted`: CA certificates in place of the system's.
    """
    connector = _OneDestinationConnector(
        allowed,
        limit=1,
        force_close=True,
        use_dns_cache=False,
        resolver=_OneAddress(allowed, address),
        ssl=True if trusted is None else trusted,
    )
    return _session(connector, timeout)


def session_to_socket(path: Path, timeout: ClientTimeout, *, connections: int) -> aiohttp.ClientSession:
    """A session over a Unix socket: it cannot leave the machine."""
    return _session(
        aiohttp.UnixConnector(path=str(path), limit=connections, keepalive_timeout=_IDLE_CONNECTION_S), timeout
    )


def _session(connector: aiohttp.BaseConnector, timeout: ClientTimeout) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        timeout=timeout,
        trust_env=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept-Encoding"),
    )


class _OneAddress(AbstractResolver):
    """Resolves one name to one address. Raises `EgressRefusedError` for any other name."""

    def __init__(self, allowed: Destination, address: str) -> None:
        self._allowed = allowed
        self._address = address

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The one address, which is never looked up."""
        if host != self._allowed.host:
            raise EgressRefusedError("this session was made for another destination")
        version = socket.AF_INET6 if ":" in self._address else socket.AF_INET
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [ResolveResult(hostname=host, host=self._address, port=port, family=version, proto=0, flags=flags)]

    async def close(self) -> None:
        """Does nothing."""


class _OneDestinationConnector(aiohttp.TCPConnector):
    def __init__(self, allowed: Destination, **options: Any) -> None:
        super().__init__(**options)
        self._allowed = (allowed.host, allowed.port)

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout) -> Connection:
        self._check(req)
        return await super().connect(req, traces, timeout)

    async def _create_connection(
        self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout
    ) -> ResponseHandler:
        self._check(req)
        return await super()._create_connection(req, traces, timeout)

    def _check(self, req: ClientRequest) -> None:
        if (req.url.host, req.url.port) != self._allowed:
            raise EgressRefusedError("this session was made for another destination")
