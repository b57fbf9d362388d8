"""Countries: Europe is the EEA and Switzerland, and an unknown code is an error."""

import pytest

from domicile.kernel.geography import UnknownCountryError, countries_version, country, country_set

# fmt: off
EU27 = {
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR",
    "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
}
# fmt: on


@pytest.mark.contract("C08")
def test_europe_is_31_countries_and_not_the_united_kingdom() -> None:
    europe = country_set("EEA+CH")
    assert europe.countries == EU27 | {"IS", "LI", "NO", "CH"}
    assert len(europe.countries) == 31
    assert "GB" not in europe
    assert "CH" in europe


def test_the_other_sets() -> None:
    assert country_set("EU27").countries == EU27
    assert country_set("EEA").countries == EU27 | {"IS", "LI", "NO"}
    assert country_set(["EU27", "US", "CH"]).countries == EU27 | {"US", "CH"}
    assert country_set(("US",)).countries == {"US"}
    assert country_set("US").version == countries_version()


@pytest.mark.parametrize("code", ["us", "UK", "EU", "XX", "USA", "", "U", "AN", "EU27"])
def test_an_unknown_country_is_an_error(code: str) -> None:
    with pytest.raises(UnknownCountryError):
        country(code)


@pytest.mark.parametrize("names", [[], (), ["US", "XX"], "Europe", ["EEA+CH", "UK"]])
def test_an_unknown_set_is_an_error(names: list[str]) -> None:
    with pytest.raises(UnknownCountryError):
        country_set(names)


def test_a_known_country_is_itself() -> None:
    assert [country(code) for code in ("US", "GB", "LI")] == ["US", "GB", "LI"]
