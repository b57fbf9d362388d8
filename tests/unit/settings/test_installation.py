"""`domicile.toml`: whatever is wrong in it is said, with the place, before anything starts."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from domicile.settings.installation import Installation
from domicile.settings.load import SettingsError, load_installation

ENGINE: dict[str, Any] = {
    "name": "local",
    "label": "smollm2-135m-instruct",
    "country": "DE",
    "operator": "ACME GmbH",
    "socket": "engine.sock",
    "models": {"gpt-4o-2024-08-06": "smollm2"},
}
VALUES: dict[str, Any] = {
    "home": "us",
    "default_region": "us",
    "control": {
        "listen": {"port": 8700},
        "boundary": {"listen": {"port": 8701}, "url": "http://127.0.0.1:8701"},
        "country": "US",
        "data": "control",
        "operator": {"key_file": "control/operator.key"},
    },
    "regions": [
        {
            "code": "us",
            "residency": "US_STORAGE_PROCESSING",
            "geography": "US",
            "countries": ["US"],
            "public_url": "https://us.example.com/",
            "listen": {"port": 8710},
            "allows_storing": True,
            "data": "us",
            "engines": [],
        },
        {
            "code": "eu",
            "residency": "EU_STORAGE_PROCESSING",
            "geography": "EU",
            "countries": ["EEA+CH"],
            "public_url": "https://eu.example.com:8443",
            "listen": {"port": 8720},
            "requires": ["enterprise", "zdr"],
            "data": "eu",
            "engines": [ENGINE],
        },
    ],
}


def change(path: str, value: Any) -> dict[str, Any]:
    """The values with one of them changed; `path` is like `regions.1.code`."""
    values = copy.deepcopy(VALUES)
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    target: Any = values
    for part in parents:
        target = target[part]
    target[last] = value
    return values


@pytest.mark.parametrize("written", ["https://eu.example.com:8443", "https://eu.example.com:8443/v1/"])
def test_a_base_url_has_its_version_once(written: str) -> None:
    europe = Installation.model_validate(change("regions.1.public_url", written)).region("eu")
    assert europe.base_url == "https://eu.example.com:8443/v1"


def test_a_good_installation() -> None:
    installation = Installation.model_validate(VALUES)
    europe = installation.region("eu")
    assert len(europe.country_codes) == 31
    assert europe.public_host == "eu.example.com:8443"
    assert installation.region("us").public_host == "us.example.com"
    assert europe.catalogue_rows == "eu"
    assert europe.requires == {"enterprise", "zdr"}
    assert not europe.allows_storing, "storing must be allowed on purpose"
    assert europe.engines[0].modalities == {"text"}


@pytest.mark.contract("C17")
def test_a_third_region_is_a_block_of_configuration() -> None:
    japan = copy.deepcopy(VALUES["regions"][1]) | {
        "code": "jp",
        "residency": "JP_STORAGE_PROCESSING",
        "geography": "JP",
        "countries": ["JP"],
        "public_url": "https://jp.example.com",
        "data": "jp",
        "rows_of": "eu",
        "engines": [ENGINE | {"country": "JP"}],
    }
    installation = Installation.model_validate(change("regions", [*VALUES["regions"], japan]))
    assert installation.region("jp").catalogue_rows == "eu"


@pytest.mark.contract("C04")
def test_outside_the_us_nothing_is_stored_even_without_zdr() -> None:
    """A region may ask for less than ZDR; completions are stored nowhere but in the US all the same (design 5)."""
    europe = VALUES["regions"][1] | {"requires": ["enterprise"]}
    assert Installation.model_validate(change("regions.1", europe)).region("eu").requires == {"enterprise"}
    with pytest.raises(ValidationError, match="never stored"):
        Installation.model_validate(change("regions.1", europe | {"allows_storing": True}))


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("regions.1.code", "EU", "region's code"),
        ("regions.1.code", "admin", "region's code"),
        ("regions.1.code", "us", "same code"),
        ("regions.1.residency", "US_STORAGE_PROCESSING", "same residency"),
        ("regions.1.residency", "eu", "pattern"),
        ("regions.1.geography", "US", "same geography"),
        ("regions.1.public_url", "https://us.example.com", "same public_url"),
        ("regions.1.data", "us", "same data"),
        ("regions.1.public_url", "ftp://eu.example.com", "http"),
        ("regions.1.allows_storing", True, "cannot allow storing"),
        ("regions.1.public_url", "https://eu.example.com?x=1", "http"),
        ("regions.1.public_url", "eu.example.com", "http"),
        ("regions.1.countries", [], "at least 1"),
        ("regions.1.countries", ["UK"], "UK"),
        ("regions.1.countries", ["DE", "Europe"], "Europe"),
        ("regions.1.requires", ["agreement"], "enterprise"),
        ("regions.1.rows_of", "EU!", "region's code"),
        ("regions.1.allow_storing", True, "Extra"),
        ("regions.1.batches", {"in_region": False}, "workers apart need PostgreSQL"),
        ("regions.1.listen", {"port": 70000}, "65535"),
        ("regions.1.engines", [ENGINE, ENGINE], "same name"),
        ("regions.1.engines.0.country", "XX", "XX"),
        ("regions.1.engines.0.country", "de", "de"),
        ("regions.1.engines.0.url", "http://127.0.0.1", "either"),
        ("regions.1.engines.0.socket", None, "either"),
        ("regions.1.engines.0.models", {}, "at least 1"),
        ("regions.1.engines.0.modalities", ["video"], "text"),
        ("regions.1.engines.0.name", "Local Engine", "pattern"),
        ("regions.1.engines.0.label", "two words", "pattern"),
        ("regions.1.engines.0.label", "line\n", "pattern"),
        ("regions.1.engines.0.timeout", 3, "Extra"),
        ("regions.1.engines.0.connect_timeout_s", 0, "greater than 0"),
        ("regions", [], "at least 1"),
        ("home", "jp", "none of the regions"),
        ("default_region", "jp", "none of the regions"),
        ("control.country", "DE", "outside its home"),
        ("control.country", "XX", "XX"),
        ("control.boundary.url", "nowhere", "http"),
        ("colour", "blue", "Extra"),
    ],
)
def test_what_is_wrong_is_refused_and_said(path: str, value: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Installation.model_validate(change(path, value))


@pytest.mark.contract("C08")
@pytest.mark.parametrize("country", ["US", "GB", "JP"])
def test_an_engine_outside_the_region_s_countries_stops_the_start(country: str) -> None:
    with pytest.raises(ValidationError, match=f"engine 'local' stands in {country}"):
        Installation.model_validate(change("regions.1.engines.0.country", country))


@pytest.mark.contract("C08")
@pytest.mark.parametrize("country", ["DE", "IS", "LI", "NO", "CH"])
def test_an_engine_in_one_of_them_does_not(country: str) -> None:
    installation = Installation.model_validate(change("regions.1.engines.0.country", country))
    assert installation.region("eu").engines[0].country == country


def test_an_unknown_region_is_an_error() -> None:
    with pytest.raises(ValueError, match="there are: us, eu"):
        Installation.model_validate(VALUES).region("jp")


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Installation.model_validate(VALUES).region("eu").code = "us"


def toml(value: Any) -> str:
    """Just enough TOML for the values above, as one inline table to a line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}" = {toml(item)}' for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, int) else f'"{value}"'


@pytest.fixture
def written(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    def write(values: dict[str, Any]) -> Path:
        file = tmp_path / "domicile.toml"
        file.write_text("\n".join(f"{key} = {toml(value)}" for key, value in values.items()), "utf-8")
        return file

    return write


def test_paths_are_relative_to_the_file(written: Callable[[dict[str, Any]], Path], tmp_path: Path) -> None:
    installation = load_installation(written(VALUES | {"catalogue_file": "own.toml"}))
    assert installation.region("eu").data == tmp_path / "eu"
    assert installation.region("eu").engines[0].socket == tmp_path / "engine.sock"
    assert installation.control.operator.key_file == tmp_path / "control/operator.key"
    assert installation.catalogue_file == tmp_path / "own.toml"


def test_every_problem_is_named_with_its_place(written: Callable[[dict[str, Any]], Path]) -> None:
    values = change("regions.1.code", "EU")
    values["colour"] = "blue"
    with pytest.raises(SettingsError) as caught:
        load_installation(written(values))
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert any("regions.1.code" in line for line in lines)
    assert any("colour" in line for line in lines)


def test_a_file_that_is_not_there_or_not_toml(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot read"):
        load_installation(tmp_path / "absent.toml")
    for content in (b"home = ", b"\xff"):
        (tmp_path / "bad.toml").write_bytes(content)
        with pytest.raises(SettingsError, match="not TOML"):
            load_installation(tmp_path / "bad.toml")
