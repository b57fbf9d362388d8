"""From a listener of the configuration to a bound socket and a server on it."""

import socket
from typing import Any

from starlette.types import ASGIApp

from domicile.settings.listener import Listener
from domicile.web.server.http_server import HttpServer, bind
from domicile.web.server.tls_certificate import ServerCertificate
from domicile.web.server.trusted_proxies import TrustedProxies


class BoundListener:
    """A port that is taken. Binding comes before everything else: what starts after it may count on the address."""

    def __init__(self, settings: Listener, port: int | None = None) -> None:
        """`port`: another one than the configured. Raises OSError when it is taken; `CertificateError` for an unusable pair."""
        self._certificate: ServerCertificate | None = None
        if settings.tls.pair is not None:
            self._certificate = ServerCertificate(*settings.tls.pair)
        proxies = settings.tls.trusted_proxies
        self._proxies = TrustedProxies(proxies) if proxies else None
        self._socket: socket.socket = bind(settings.host, settings.port if port is None else port)

    @property
    def url(self) -> str:
        """Where it listens on this machine, scheme included."""
        host, port = self._socket.getsockname()[:2]
        scheme = "http" if self._certificate is None else "https"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"

    def serve(self, app: ASGIApp, **options: Any) -> HttpServer:
        """The server of `app` there. `options` are those of `HttpServer`."""
        return HttpServer(app, self._socket, certificate=self._certificate, trusted_proxies=self._proxies, **options)

    def close(self) -> None:
        """Gives the port back. What is open goes on."""
        self._socket.close()
