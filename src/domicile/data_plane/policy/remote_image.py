"""Decides which image URLs the platform may fetch. An engine never sees a URL (design 4.6)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from domicile.data_plane import region_errors
from domicile.data_plane.policy.content import Address, refusal
from domicile.settings.fetch_hosts import FetchHost

IMAGES_MAX = 10
"""Images fetched for one request."""

# Exactly this form. It excludes everything that two URL parsers could read differently, so the checked host is the host that
# is connected to: no user, no fragment, no backslash, no letter outside ASCII.
_URL = re.compile(r"https://([a-z0-9.-]{1,253})(?::([1-9][0-9]{0,4}))?(/[!\"$-\[\]-~]*)?")
_LENGTH_MAX = 2048


@dataclass(frozen=True, slots=True)
class RemoteImage:
    """An image that may be fetched."""

    param: str
    """The member that names it."""
    url: str
    host: str
    port: int


def allowed_images(hosts: Iterable[FetchHost], addresses: Iterable[Address]) -> tuple[RemoteImage, ...]:
    """All addresses as images to fetch. Raises 400 `url_not_allowed` for the first whose host and port are not allowed."""
    allowed = {(host.host, host.port) for host in hosts}
    found = []
    for address in addresses:
        parts = _URL.fullmatch(address.url) if len(address.url) <= _LENGTH_MAX else None
        if parts is None or (parts[1], int(parts[2] or 443)) not in allowed:
            raise refusal(address.rule, address.param)
        found.append(RemoteImage(address.param, address.url, parts[1], int(parts[2] or 443)))
        if len(found) > IMAGES_MAX:
            raise region_errors.url_not_allowed(
                address.param, f"At most {IMAGES_MAX} images of one request are fetched. Send the others as data URLs."
            )
    return tuple(found)
