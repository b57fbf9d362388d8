"""docs/configuration.md: its example is a configuration, and it names every setting with its default."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from domicile.settings.database import DatabaseSettings
from domicile.settings.installation import ControlSettings, Installation, RegionSettings
from domicile.settings.limit_store import LimitStoreSettings
from domicile.settings.listener import Listener
from domicile.settings.load import check_installation
from domicile.settings.moved import MOVED

PAGE = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text("utf-8")
# They have tables of their own, on this page or in docs/engines.md.
ELSEWHERE = {"listen", "database", "engines", "fetch_hosts", "control", "regions"}


def settings(block: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Each setting of a block and of the blocks inside it, with its default."""
    for name, field in block.model_fields.items():
        inner = field.annotation
        if name not in ELSEWHERE and isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from settings(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field.default


def test_the_example_is_a_configuration(tmp_path: Path) -> None:
    example = re.search(r"^```toml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert example is not None
    installation = check_installation(tomllib.loads(example[1]), tmp_path / "domicile.toml")
    assert installation.region("eu").drain.notice_s == 10


@pytest.mark.parametrize(
    ("heading", "block"),
    [
        ("The file", Installation),
        ("`[control]`", ControlSettings),
        ("`[[regions]]`", RegionSettings),
        ("The store of rate limits", LimitStoreSettings),
        ("A listener", Listener),
        ("A database", DatabaseSettings),
    ],
)
def test_every_setting_and_its_default_is_told(heading: str, block: type[BaseModel]) -> None:
    table = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    told = dict(re.findall(r"^\| `([\w.]+)` \|([^|]*)\|", table, re.MULTILINE))
    expected = dict(settings(block))
    assert told.keys() == expected.keys() - {"control", "regions"}
    numbers = {name: default for name, default in expected.items() if isinstance(default, int | float)}
    shown = {
        name: f"`{str(default).lower()}`" if isinstance(default, bool) else str(default)
        for name, default in numbers.items()
    }
    assert {name: told[name].strip() for name in shown} == shown


def test_every_name_of_an_earlier_version_is_told() -> None:
    rows = PAGE.partition("\n## Names of earlier versions\n")[2].splitlines()
    was = {name.rpartition(".")[2] for row in rows for name in re.findall(r"`([\w.]+)`", row.rsplit("|", 2)[0])}
    assert was == {name.rpartition(".")[2] for name in MOVED}
