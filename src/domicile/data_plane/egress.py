"""Every destination of a region's process: host, port, country. The default is no (design 3).

Sessions come from here and nowhere else, and a session connects only to the destinations it was made for: a redirect, a
proxy from the environment or an address out of a request leads nowhere.
"""

import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import ClientRequest, ClientTimeout
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from domicile.kernel.geography import CountrySet, Destination

# Shorter than the 5 s after which uvicorn's and llama.cpp's servers close an idle connection: a request that is sent into a
# closing one fails, and a POST is not repeated.
_IDLE_CONNECTION_S = 4.0
_POSTGRESQL_PORT = 5432


class EgressRefusedError(Exception):
    """A connection that the policy does not allow. A defect or a wrong configuration, never a caller's doing."""


class EgressPolicy:
    """Which countries this region's own traffic may reach, and the one exception: the control plane, for boundary types."""

    def __init__(self, countries: CountrySet) -> None:
        self._countries = countries

    def inside(self, url: str, country: str) -> Destination:
        """A destination inside the region. Raises `EgressRefusedError` when its country is not one of the region's."""
        if country not in self._countries:
            raise EgressRefusedError(f"{urlsplit(url).hostname} stands in {country}, outside the region")
        return destination(url, country)

    def database(self, url: str, country: str) -> Destination | None:
        """The same for a database server; None for a Unix socket, which cannot leave the machine."""
        parts = urlsplit(url)
        if country not in self._countries:
            raise EgressRefusedError(f"the database stands in {country}, outside the region")
        return Destination(parts.hostname, parts.port or _POSTGRESQL_PORT, country) if parts.hostname else None


def destination(url: str, country: str) -> Destination:
    """The host and port of a URL. For the control plane, which may stand outside and gets boundary types only."""
    parts = urlsplit(url)
    if parts.hostname is None:
        raise EgressRefusedError("a destination needs a host")
    return Destination(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80), country)


def session_to(
    allowed: Destination, timeout: ClientTimeout, *, connections: int, ca_file: Path | None = None
) -> aiohttp.ClientSession:
    """A session that connects to one destination. No cookies, no proxies from the environment.

    `ca_file`: the only certificates to trust there; else the system's. Raises OSError when it cannot be read.
    """
    trusted: ssl.SSLContext | bool = True if ca_file is None else ssl.create_default_context(cafile=ca_file)
    connector = _OneDestinationConnector(allowed, limit=connections, keepalive_timeout=_IDLE_CONNECTION_S, ssl=trusted)
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
