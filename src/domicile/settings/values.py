"""What several blocks of `domicile.toml` hold: checked values, and the base of every block."""

import ipaddress
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from domicile.kernel.geography import UnknownCountryError, country
from domicile.kernel.ids import is_region_code


class Block(BaseModel):
    """A block. An unknown member is an error: a misspelt one must not be ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _region_code(value: str) -> str:
    if not is_region_code(value):
        raise ValueError(
            "a region's code is 2 to 8 lower-case letters and digits, a letter first, and no reserved word"
        )
    return value


def _country(value: str) -> str:
    try:
        return country(value)
    except UnknownCountryError as error:
        raise ValueError(str(error)) from error


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("an http or https URL without query")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL without user and password: secrets are named by reference")
    return value.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host can only be this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


RegionCode = Annotated[str, AfterValidator(_region_code)]
Country = Annotated[str, AfterValidator(_country)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
Port = Annotated[int, Field(ge=0, le=65535)]
