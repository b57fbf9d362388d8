"""Countries, sets of countries, and where a connection goes.

"Europe" is the EEA and Switzerland, 31 countries, without the United Kingdom (the contract's preamble). Other platforms use
four different sets under this name, so here a set is data with a version, and an unknown country is an error.
"""

import functools
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any


class UnknownCountryError(ValueError):
    """A code that is neither an ISO 3166-1 country nor a named set."""


@dataclass(frozen=True, slots=True)
class CountrySet:
    """Countries in which a region may process and store, with the version of the data they were read from."""

    countries: frozenset[str]
    version: str

    def __contains__(self, country: str) -> bool:
        return country in self.countries


@dataclass(frozen=True, slots=True)
class Destination:
    """The address and country of a connection. Only the egress policy makes one (design 3)."""

    host: str
    port: int
    country: str


@functools.cache
def _data() -> dict[str, Any]:
    return tomllib.loads(files("domicile.kernel").joinpath("data/countries.toml").read_text("utf-8"))


def countries_version() -> str:
    """The version of the country data that ships with this program."""
    version: str = _data()["version"]
    return version


@functools.cache
def _iso_codes() -> frozenset[str]:
    return frozenset(_data()["iso_3166"]["codes"].split())


def country(code: str) -> str:
    """Returns the code if it is an assigned ISO 3166-1 alpha-2 code. Raises `UnknownCountryError` otherwise."""
    if code not in _iso_codes():
        raise UnknownCountryError(f"{code!r} is not an ISO 3166-1 alpha-2 country code")
    return code


def country_set(names: str | Iterable[str]) -> CountrySet:
    """The set for a name (`EU27`, `EEA`, `EEA+CH`) or for a list of names and countries. Raises `UnknownCountryError`."""
    sets: dict[str, list[str]] = _data()["sets"]
    pending = [names] if isinstance(names, str) else list(names)
    if not pending:
        raise UnknownCountryError("a region needs at least one country")
    found: set[str] = set()
    while pending:
        name = pending.pop()
        if name in sets:
            pending.extend(sets[name])
        else:
            found.add(country(name))
    return CountrySet(frozenset(found), countries_version())
