"""A stage's value is made by that stage alone, so that a step of a request's life cannot be skipped (design 3 and 4)."""

import ast
from pathlib import Path

import pytest

from tests.architecture.source import SOURCE, modules

MADE_ONLY_IN = {
    "Caller": ("domicile/data_plane/http/auth.py", "domicile/data_plane/jobs/"),
    "Admission": ("domicile/data_plane/policy/admit.py",),
    "StorageAdmission": ("domicile/data_plane/policy/storing.py",),
    "Reservation": ("domicile/data_plane/limits/",),
    "Placement": ("domicile/data_plane/routing.py",),
    "Administrator": ("domicile/control_plane/principals/authentication.py",),
    "Operator": ("domicile/control_plane/principals/authentication.py",),
    "Destination": ("domicile/data_plane/egress.py",),
    # The others talk to their own children on this machine: the engine to llama.cpp, the supervisor to what it has started.
    "ClientSession": (
        "domicile/data_plane/egress.py",
        "domicile_engines/runtime/llama/server.py",
        # To the one host of the operator's webhook, without any content.
        "domicile/apps/control/spending.py",
        "domicile/apps/local/",
        "domicile/cli/",
    ),
}


def constructions(folder: Path) -> list[tuple[str, str]]:
    """(class, module) for each place that makes one of the values, by call, by `replace` or around the constructor."""
    found = []
    for name, tree in modules(folder):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                callee = node.func
                called = (
                    callee.id
                    if isinstance(callee, ast.Name)
                    else callee.attr
                    if isinstance(callee, ast.Attribute)
                    else ""
                )
                if called in MADE_ONLY_IN:
                    found.append((called, name))
                # `object.__new__(Caller)` and `Caller.__new__(Caller)` would go around the constructor.
                if called == "__new__":
                    found += [
                        (arg.id, name) for arg in node.args if isinstance(arg, ast.Name) and arg.id in MADE_ONLY_IN
                    ]
    return found


def violations(folder: Path) -> list[tuple[str, str]]:
    return [(made, where) for made, where in constructions(folder) if not where.startswith(MADE_ONLY_IN[made])]


def test_every_value_is_made_only_by_its_stage() -> None:
    assert violations(SOURCE) == []


def test_every_value_is_made_somewhere() -> None:
    """Else a renamed class would make this file pass by finding nothing."""
    assert {made for made, _ in constructions(SOURCE)} == set(MADE_ONLY_IN)


@pytest.mark.parametrize("made", sorted(MADE_ONLY_IN))
@pytest.mark.parametrize("statement", ["{0}()", "module.{0}(1)", "object.__new__({0})"])
def test_a_value_made_elsewhere_is_caught(tmp_path: Path, made: str, statement: str) -> None:
    (tmp_path / "elsewhere.py").write_text(f"x = {statement.format(made)}\n")
    assert violations(tmp_path) == [(made, "elsewhere.py")]
