"""Where a process listens, and who speaks TLS there."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, model_validator

from domicile.settings.paths import ConfigPath
from domicile.settings.values import Block, Port, is_loopback


def _proxy_network(value: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    if value.prefixlen == 0:
        raise ValueError(f"{value} is every address there is: name the proxies, or the network that holds nothing else")
    return value


ProxyNetwork = Annotated[IPv4Network | IPv6Network, AfterValidator(_proxy_network)]


class TlsSettings(Block):
    """Who speaks TLS at a listener: the process itself, with its two files, or a proxy in front of it. Nobody by default."""

    certificate_file: ConfigPath | None = None
    """PEM: the certificate, then those between it and its root. With it the listener speaks TLS, and nothing else."""
    key_file: ConfigPath | None = None
    """PEM: its key, not encrypted. Both files are read again when they change."""
    behind_proxy: bool = False
    """Whether a proxy speaks TLS in front of this address, and passes on in clear what comes over it."""
    trusted_proxies: tuple[ProxyNetwork, ...] = ()
    """The addresses and networks of that proxy. Connections from anywhere else are cut off before a byte of them is read."""

    @model_validator(mode="after")
    def _one_way(self) -> "TlsSettings":
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file belong together: name both or neither")
        if self.certificate_file is not None and self.behind_proxy:
            raise ValueError(
                "behind_proxy says that what arrives here is in clear, and certificate_file that it is not: choose one"
            )
        if self.trusted_proxies and not self.is_spoken:
            raise ValueError("trusted_proxies are those of a TLS proxy: say behind_proxy = true as well")
        return self

    @property
    def is_spoken(self) -> bool:
        """Whether callers reach the listener over TLS: its own, or that of the proxy before it."""
        return self.certificate_file is not None or self.behind_proxy

    @property
    def pair(self) -> tuple[Path, Path] | None:
        """Certificate and key, when the process itself speaks TLS."""
        if self.certificate_file is None or self.key_file is None:
            return None
        return self.certificate_file, self.key_file


class Listener(Block):
    """Where a process listens. Loopback unless the configuration says otherwise, and then never in clear."""

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
                f"{self.host} is not loopback: name in tls.trusted_proxies whose connections are accepted there, so that "
                "nobody goes around the TLS proxy"
            )
        return self

    def require_tls_in(self, name: str, url: str) -> None:
        """Raises ValueError when `url`, by which others reach this listener, would have them send in clear."""
        parts = urlsplit(url)
        if parts.scheme == "https":
            return
        if self.tls.is_spoken:
            raise ValueError(f"{name} must start with https: what listens there speaks TLS")
        if not is_loopback(parts.hostname or ""):
            raise ValueError(f"{name} must start with https: {parts.hostname} is not loopback")
