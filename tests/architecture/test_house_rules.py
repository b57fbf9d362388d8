"""Rules of the house that no linter knows."""

import ast
import json
import tomllib
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, SOURCE, modules

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 400
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}


def test_functions_and_files_are_short() -> None:
    too_long = []
    for name, tree in modules():
        lines = len((SOURCE / name).read_text("utf-8").splitlines())
        if lines > FILE_LINES_MAX:
            too_long.append(f"{name}: {lines} lines")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                if length > FUNCTION_LINES_MAX:
                    too_long.append(f"{name}:{node.lineno} {node.name}: {length} lines")
    assert too_long == []


def test_names_say_something() -> None:
    assert [name for name, _ in modules() if VAGUE_NAMES & set(Path(name).with_suffix("").parts)] == []


def dynamic_code(tree: ast.Module) -> list[int]:
    """Lines that import or run code that no reader and no import contract can see."""
    lines = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in {"import_module", "__import__", "exec", "eval"}:
            lines.append(node.lineno)
        if isinstance(node.func, ast.Attribute) and node.func.attr in {"import_module", "__import__"}:
            lines.append(node.lineno)
    return lines


def test_no_dynamic_imports() -> None:
    assert [(name, lines) for name, tree in modules() if (lines := dynamic_code(tree))] == []


@pytest.mark.parametrize("code", ["importlib.import_module('x')", "__import__('x')", "exec('import x')", "eval('1')"])
def test_dynamic_imports_are_caught(code: str) -> None:
    assert dynamic_code(ast.parse(code)) == [1]


def test_every_module_and_public_class_says_what_it_is() -> None:
    silent = []
    for name, tree in modules():
        if not ast.get_docstring(tree):
            silent.append(name)
        silent += [
            f"{name}: {node.name}"
            for node in tree.body
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and not ast.get_docstring(node)
        ]
    assert silent == []


def test_lock_files_hold_hashes_and_no_addresses() -> None:
    for lock in sorted(file.name for file in ROOT.glob("requirements*.lock")):
        text = (ROOT / lock).read_text("utf-8")
        assert "://" not in text
        pinned = [line for line in text.splitlines() if "==" in line]
        assert pinned
        assert all(line.endswith("\\") for line in pinned), "each pinned line goes on with its hashes"
    text = (ROOT / "tests" / "node" / "package-lock.json").read_text("utf-8")
    # Not those of sponsors and licences either: npm writes them, and needs none of them.
    assert "://" not in text
    packages = {name: each for name, each in json.loads(text)["packages"].items() if name}
    assert packages
    assert all(each["integrity"].startswith("sha512-") for each in packages.values())


def test_the_licence_and_the_supported_versions_are_those_we_promise() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["license"] == "Apache-2.0"
    assert project["requires-python"] == ">=3.11,<3.14"
