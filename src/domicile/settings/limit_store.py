"""The store in which the processes of a region count rate limits together: Valkey, or Redis, in the region."""

from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, model_validator

from domicile.settings.paths import ConfigPath
from domicile.settings.values import Country, SettingsBlock, is_loopback


class LimitStoreSettings(SettingsBlock):
    """One server, for all processes of the region."""

    url: str
    """`rediss://HOST:PORT`, or `unix:///PATH` for a socket. `redis://` is for this machine only: it is clear text."""
    country: Country | None = None
    """The country of the server. Required for every host, and checked against the region's countries."""
    user: str | None = None
    """The name of an ACL user. None: the default user."""
    password_file: ConfigPath | None = None
    """The file with the user's password. The configuration itself never holds a secret."""
    ca_file: ConfigPath | None = None
    """PEM: root certificates to trust beside the system's."""
    deadline_ms: Annotated[int, Field(ge=5, le=5000)] = 50
    """How long one call may take. A slower store counts as away."""
    outage_share: Annotated[float, Field(gt=0, le=1)] | None = None
    """The part of each limit that every process allows while the store is away. None: 1, divided by the region's processes."""

    @model_validator(mode="after")
    def _usable(self) -> "LimitStoreSettings":
        try:
            parts = urlsplit(self.url)
            _ = parts.port
        except ValueError:
            raise ValueError("url is not a URL") from None
        if parts.scheme not in {"redis", "rediss", "unix"} or parts.query or parts.fragment:
            raise ValueError("url must start with rediss:, redis: or unix:, without query or fragment")
        if parts.username is not None or parts.password is not None:
            raise ValueError("url must hold no user and no password: name them as user and password_file")
        if self.user is not None and self.password_file is None:
            raise ValueError("user needs password_file")
        if self.ca_file is not None and parts.scheme != "rediss":
            raise ValueError("ca_file needs a url that starts with rediss:")
        if parts.scheme == "unix":
            self._check_socket(parts)
        else:
            self._check_host(parts)
        return self

    def _check_socket(self, parts: SplitResult) -> None:
        if parts.hostname is not None or not parts.path.strip("/"):
            raise ValueError("a Unix socket is named by its whole path: unix:///run/valkey.sock")

    def _check_host(self, parts: SplitResult) -> None:
        if not parts.hostname or parts.path.strip("/"):
            raise ValueError("url names a host and a port, and no path")
        if self.country is None:
            raise ValueError("a store on a host needs country: the country in which it stands")
        if parts.scheme == "redis" and not is_loopback(parts.hostname):
            raise ValueError("redis: is clear text, for this machine only: use rediss: for another host")
