"""Where the control plane reports spending alerts. Nowhere by default."""

from urllib.parse import urlsplit

from pydantic import model_validator

from domicile.settings.fetch_hosts import HostName
from domicile.settings.paths import ConfigPath
from domicile.settings.values import HttpUrl, SettingsBlock


class SpendAlertSettings(SettingsBlock):
    """The webhook of spending alerts."""

    webhook_url: HttpUrl | None = None
    """The `https` URL to which each alert is posted. None: alerts are in the log and in the metrics only."""
    allowed_hosts: tuple[HostName, ...] = ()
    """The hosts at which the webhook may be, by their exact names."""
    ca_file: ConfigPath | None = None
    """PEM: the root certificates to trust in place of the system's."""

    @model_validator(mode="after")
    def _allowed(self) -> "SpendAlertSettings":
        if self.webhook_url is not None:
            parts = urlsplit(self.webhook_url)
            if parts.scheme != "https":
                raise ValueError("a webhook is reached over TLS only: webhook_url starts with https:")
            if parts.hostname not in self.allowed_hosts:
                raise ValueError(f"webhook_url names the host '{parts.hostname}', which is not one of allowed_hosts")
        return self
