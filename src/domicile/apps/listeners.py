"""Binds a configured listener and makes its server."""

import socket
from typing import Any

from starlette.types import ASGIApp

from domicile.settings.listener import Listener
from domicile.web.server.http_server import HttpServer, bind
from domicile.web.server.tls_certificate import ServerCertificate
from domicile.web.server.trusted_proxies import TrustedProxies


class BoundListener:
    """A bound port. It is bound before everything else, so the parts that start later know its address."""

    def __init__(self, settings: Listener, port: int | None = None) -> None:
        """`port`: overrides the configured port. Raises OSError if it is taken, `CertificateError` for an unusable pair."""
        self._certificate: ServerCertificate | None = None
        if settings.tls.pair is not None:
            self._certificate = ServerCertificate(*settings.tls.pair)
        proxies = settings.tls.trusted_proxies
        self._proxies = TrustedProxies(proxies) if proxies else None
        self._socket: socket.socket = bind(settings.host, settings.port if port is None else port)

    @property
    def url(self) -> str:
        """The listener's URL on this machine."""
        host, port = self._socket.getsockname()[:2]
        scheme = "http" if self._certificate is None else "https"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"

    def serve(self, app: ASGIApp, **options: Any) -> HttpServer:
        """Make a server of `app` on this listener. `options`: the other options of `HttpServer`."""
        return HttpServer(app, self._socket, certificate=self._certificate, trusted_proxies=self._proxies, **options)

    def close(self) -> None:
        """Close the listening socket. Open connections continue."""
        self._socket.close()
