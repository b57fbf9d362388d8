"""Settings that once had flat names: each is refused where it stands, and its new place is named."""

import copy
from pathlib import Path
from typing import Any

import pytest

from domicile.settings.installation import Installation
from domicile.settings.load import SettingsError, check_installation
from domicile.settings.moved import MOVED
from tests.unit.settings.test_installation import VALUES


def with_setting(place: str, value: Any) -> dict[str, Any]:
    """The values of a good configuration, and one more of them in the control plane or in region eu."""
    values = copy.deepcopy(VALUES)
    first, *blocks, name = place.split(".")
    target = values[first][1] if first == "regions" else values[first]
    for block in blocks:
        target = target.setdefault(block, {})
    target[name] = value
    return values


@pytest.mark.parametrize(("old", "new"), MOVED.items())
def test_an_old_name_is_refused_with_its_new_place(old: str, new: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        check_installation(with_setting(old, "x"), tmp_path / "domicile.toml")
    block, _, name = new.rpartition(".")
    place = old.replace("regions", "regions.1")
    moved = f"{old.rpartition('.')[2]} is now {name} in [{block}]"
    assert str(refused.value) == f"{tmp_path}/domicile.toml: {place}: {moved}"


@pytest.mark.parametrize("new", MOVED.values())
def test_the_new_place_is_a_setting(new: str) -> None:
    with pytest.raises(ValueError, match=r"validation error") as refused:
        Installation.model_validate(with_setting(new, object()))
    assert "Extra inputs" not in str(refused.value)


def test_all_old_names_are_told_of_at_once(tmp_path: Path) -> None:
    values = with_setting("regions.drain_s", 5)
    values["control"]["database_url"] = "sqlite+aiosqlite:///x"
    with pytest.raises(SettingsError) as refused:
        check_installation(values, tmp_path / "domicile.toml")
    assert len(str(refused.value).splitlines()) == 2
