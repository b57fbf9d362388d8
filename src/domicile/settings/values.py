"""The types of values that several blocks of `domicile.toml` share, and the base class of every block."""

import ipaddress
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from domicile.kernel.geography import UnknownCountryError, country
from domicile.kernel.ids import is_region_code


class SettingsBlock(BaseModel):
    """A block of `domicile.toml`. An unknown member is an error: a misspelt one must not be ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _region_code(value: str) -> str:
    if not is_region_code(value):
        raise ValueError(
            "a region's code has 2 to 8 lower-case letters and digits, starts with a letter, and is not a reserved word"
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
        raise ValueError("use an http or https URL with a host, and without query or fragment")
    if parts.username is not None or parts.password is not None:
        raise ValueError(
            "use a URL without user and password: the configuration holds no secrets, it names their files"
        )
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
