"""Hosts from which a region fetches an image that a caller names by its URL. None unless the operator says so."""

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, Field

from domicile.settings.values import Block, Country


def _host_name(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return value
    raise ValueError("a host's name, not an address: the certificate is held against the name")


HostName = Annotated[
    str,
    Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$", max_length=253),
    AfterValidator(_host_name),
]


class FetchHost(Block):
    """One host, by its exact name: neither its subdomains nor its parents."""

    host: HostName
    port: Annotated[int, Field(ge=1, le=65535)] = 443
    country: Country
    """Where it stands. Declared by the operator, and held against the region's countries."""
