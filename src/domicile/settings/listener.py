"""The address at which a process listens, and its TLS."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, model_validator

from domicile.settings.paths import ConfigPath
from domicile.settings.values import Port, SettingsBlock, is_loopback


def _proxy_network(value: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    if value.prefixlen == 0:
        raise ValueError(f"{value} covers every address: name the proxies, or a network that contains nothing else")
    return value


ProxyNetwork = Annotated[IPv4Network | IPv6Network, AfterValidator(_proxy_network)]


class TlsSettings(SettingsBlock):
    """The TLS of a listener: by the process itself, with its two files, or by a proxy in front of it. None by default."""

    certificate_file: ConfigPath | None = None
    """PEM: the certificate, then its intermediate certificates. With this file the listener accepts TLS only."""
    key_file: ConfigPath | None = None
    """PEM: the certificate's key, not encrypted. Both files are read again when they change."""
    behind_proxy: bool = False
    """Whether a proxy in front of this address ends TLS, and forwards the requests unencrypted."""
    trusted_proxies: tuple[ProxyNetwork, ...] = ()
    """The addresses and networks of the proxies. All other connections are closed before a byte of them is read."""

    @model_validator(mode="after")
    def _one_way(self) -> "TlsSettings":
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file belong together: name both or neither")
        if self.certificate_file is not None and self.behind_proxy:
            raise ValueError(
                "behind_proxy means unencrypted connections at this listener, and certificate_file means TLS: choose one"
            )
        if self.trusted_proxies and not self.is_spoken:
            raise ValueError(
                "trusted_proxies are proxies that speak TLS with the callers: set behind_proxy = true as well"
            )
        return self

    @property
    def is_spoken(self) -> bool:
        """Whether callers reach the listener over TLS: its own, or that of the proxy in front of it."""
        return self.certificate_file is not None or self.behind_proxy

    @property
    def pair(self) -> tuple[Path, Path] | None:
        """The files of certificate and key when the process itself speaks TLS, else None."""
        if self.certificate_file is None or self.key_file is None:
            return None
        return self.certificate_file, self.key_file


class Listener(SettingsBlock):
    """The address at which a process listens: loopback by default. Any other address requires TLS."""

    host: str = "127.0.0.1"
    port: Port
    tls: TlsSettings = TlsSettings()

    @model_validator(mode="after")
    def _never_in_clear_by_oversight(self) -> "Listener":
        if is_loopback(self.host):
            return self
        if not self.tls.is_spoken:
            raise ValueError(
                f"{self.host} is not loopback, and this listener speaks no TLS: name tls.certificate_file and tls.key_file, or "
                "put a TLS proxy of the same region before it and say tls.behind_proxy = true"
            )
        if self.tls.behind_proxy and not self.tls.trusted_proxies:
            raise ValueError(
                f"{self.host} is not loopback: name in tls.trusted_proxies the proxies whose connections are accepted, so "
                "that no caller can bypass TLS"
            )
        return self

    def require_tls_in(self, name: str, url: str) -> None:
        """Raises ValueError unless callers who use `url` reach this listener over TLS or on loopback.

        An http URL is allowed only on loopback, and only when the listener has no TLS. `name`: the setting that holds `url`.
        """
        parts = urlsplit(url)
        if parts.scheme == "https":
            return
        if self.tls.is_spoken:
            raise ValueError(f"{name} must start with https: the listener speaks TLS")
        if not is_loopback(parts.hostname or ""):
            raise ValueError(f"{name} must start with https: {parts.hostname} is not loopback")
