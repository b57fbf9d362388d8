"""docs/engines.md: every example is loaded, and every setting is told of."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from domicile.settings.engines import EngineSettings
from domicile.settings.installation import Installation
from domicile.settings.load import check_installation
from tests.unit.settings.test_installation import VALUES, change

PAGE = (Path(__file__).parents[3] / "docs" / "engines.md").read_text("utf-8")
EXAMPLES = [
    tomllib.loads(block)["regions"] for block in re.findall(r"^```toml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
]


def loaded(members: dict[str, Any], tmp_path: Path) -> Installation:
    """As the block of region eu."""
    europe = VALUES["regions"][1] | members
    return check_installation(change("regions.1", europe), tmp_path / "domicile.toml")


@pytest.mark.parametrize(
    "example", EXAMPLES, ids=[next(iter(example.values()))[0].get("name", "host") for example in EXAMPLES]
)
def test_an_example_starts(example: dict[str, Any], tmp_path: Path) -> None:
    region = loaded(example, tmp_path).region("eu")
    assert example.keys() <= {"engines", "fetch_hosts"}
    assert len(region.engines) + len(region.fetch_hosts) >= 1


def test_there_is_one_for_each_vendor_and_the_first_two_are_a_group(tmp_path: Path) -> None:
    engines = [engine for example in EXAMPLES for engine in example.get("engines", [])]
    assert {engine.get("vendor", "openai_compatible") for engine in engines} == {
        "openai_compatible",
        "azure_openai",
        "openai",
    }
    together = loaded({"engines": engines[:2]}, tmp_path).region("eu")
    assert {engine.equivalence_group for engine in together.engines} == {"llama-70b"}


def test_every_setting_and_its_default_is_told(tmp_path: Path) -> None:
    table = PAGE.partition("## Settings\n")[2].partition("\n## ")[0]
    assert {name for name in EngineSettings.model_fields if f"`{name}`" not in table} == set()
    told = dict(re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", table, re.MULTILINE))
    assert told
    assert {name: float(value) for name, value in told.items()} == {
        name: EngineSettings.model_fields[name].default for name in told
    }
    both = re.search(r"^\| `max_concurrency`, `max_queue` \| (\d+), (\d+) \|", table, re.MULTILINE)
    assert both is not None
    assert (int(both[1]), int(both[2])) == tuple(
        EngineSettings.model_fields[name].default for name in ("max_concurrency", "max_queue")
    )
