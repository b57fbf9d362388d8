"""Hosts from which a region fetches an image that a caller names by its URL. None by default."""

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, Field

from domicile.settings.values import Country, SettingsBlock


def _host_name(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return value
    raise ValueError("use the host's name, not an address: the certificate is checked against the name")


HostName = Annotated[
    str,
    Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$", max_length=253),
    AfterValidator(_host_name),
]


class FetchHost(SettingsBlock):
    """One host, by its exact name: neither its subdomains nor its parents."""

    host: HostName
    port: Annotated[int, Field(ge=1, le=65535)] = 443
    country: Country
    """The country of the host, as the operator declares it. Checked against the region's countries."""
