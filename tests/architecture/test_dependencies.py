"""What is imported is declared, and what is declared is imported: no package is there by way of another alone."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.source import ROOT

_OWN = {"domicile", "domicile_engines", "tests", "bench", "training"}
_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
_BASE = _PROJECT["project"]["dependencies"]
_ENGINES = _PROJECT["project"]["optional-dependencies"]["engines"]
_DEVELOPMENT = _PROJECT["dependency-groups"]["dev"]
# Found by their names at run time: database drivers, a server's parts, and the weights of models.
_NOT_IMPORTED = {"aiosqlite", "asyncpg"} | {
    canonicalize_name(Requirement(each).name) for each in _ENGINES if "==" in each and "xllamacpp" not in each
}


def names(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(each).name) for each in requirements}


def imported(tree: ast.Module) -> Iterator[str]:
    """The top-level packages that a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def undeclared(folders: list[str], declared: set[str]) -> set[str]:
    """Packages that the folders import and that none of the declared distributions brings."""
    distributions = packages_distributions()
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.py") if "node_modules" not in file.parts]
    found = {name for file in files for name in imported(ast.parse(file.read_text("utf-8")))}
    foreign = found - set(sys.stdlib_module_names) - _OWN
    return {
        name for name in foreign if not {canonicalize_name(each) for each in distributions.get(name, [])} & declared
    }


@pytest.mark.parametrize(
    ("folders", "declared"),
    [
        (["src/domicile"], _BASE),
        (["src/domicile_engines"], _BASE + _ENGINES),
        (["tests", "bench", "training"], _BASE + _ENGINES + _DEVELOPMENT),
    ],
    ids=["platform", "engines", "tests"],
)
def test_what_is_imported_is_declared(folders: list[str], declared: list[str]) -> None:
    assert undeclared(folders, names(declared)) == set()


def test_an_undeclared_import_is_found() -> None:
    assert undeclared(["src/domicile"], names(_BASE) - {"aiohttp"}) == {"aiohttp"}


def test_what_is_declared_is_imported() -> None:
    distributions = packages_distributions()
    files = [*(ROOT / "src").rglob("*.py")]
    used = {name for file in files for name in imported(ast.parse(file.read_text("utf-8")))}
    brought = {canonicalize_name(each) for name in used for each in distributions.get(name, [])}
    assert names(_BASE + _ENGINES) - brought - _NOT_IMPORTED == set()
