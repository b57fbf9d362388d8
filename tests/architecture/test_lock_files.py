"""Each lock file holds all that its set of requirements needs and nothing else, so each set installs by itself."""

import tomllib
from importlib.metadata import distribution
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.platform.lock_files import ROOT, pinned

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
BASE: list[str] = PROJECT["project"]["dependencies"]
ENGINES: list[str] = PROJECT["project"]["optional-dependencies"]["engines"]
DEVELOPMENT: list[str] = PROJECT["dependency-groups"]["dev"]
EXCLUDED = set(PROJECT["tool"]["uv"]["exclude-dependencies"])

SETS = {
    "requirements.lock": BASE,
    "requirements-engines.lock": BASE + ENGINES,
    "requirements-dev.lock": BASE + ENGINES + DEVELOPMENT,
}


def needed(requirements: list[str], lock: dict[str, str]) -> set[str]:
    """The names of all that these lead to on this machine. Fails for one that `lock` lacks or pins at a wrong version."""
    found: set[tuple[str, str]] = set()
    open_ones = [(Requirement(each), "") for each in requirements]
    while open_ones:
        requirement, extra_of_parent = open_ones.pop()
        name = canonicalize_name(requirement.name)
        if name in EXCLUDED or (requirement.marker and not requirement.marker.evaluate({"extra": extra_of_parent})):
            continue
        assert name in lock, f"{requirement} is not locked"
        assert requirement.specifier.contains(lock[name], prereleases=True), f"{requirement} is locked at {lock[name]}"
        for extra in {"", *requirement.extras}:
            if (name, extra) not in found:
                found.add((name, extra))
                open_ones += [(Requirement(each), extra) for each in distribution(name).requires or ()]
    return {name for name, _ in found}


@pytest.mark.parametrize("lock", SETS)
def test_a_lock_file_is_the_whole_closure_of_its_set(lock: str) -> None:
    locked = pinned(lock)
    assert needed(SETS[lock], locked) == locked.keys()


def test_a_package_has_one_version_in_all_of_them() -> None:
    everything = pinned("requirements-dev.lock")
    for lock in SETS:
        assert pinned(lock).items() <= everything.items(), lock


def test_what_only_engines_need_is_in_no_plane() -> None:
    assert (
        pinned("requirements.lock").keys().isdisjoint({canonicalize_name(Requirement(each).name) for each in ENGINES})
    )
