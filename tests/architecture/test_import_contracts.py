"""The import contracts hold, and each catches a deliberate violation (`.importlinter`)."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, SOURCE

pytestmark = pytest.mark.xdist_group("import-contracts")

# (module that is made to sin, what it imports, the contract that must break)
VIOLATIONS = [
    ("kernel/ids.py", "domicile.catalogue.endpoints", "planes"),
    ("catalogue/endpoints.py", "domicile.web.server.http_server", "planes"),
    ("boundary/usage.py", "domicile.openai_api.chat", "planes"),
    ("openai_api/chat.py", "domicile.boundary.usage", "planes"),
    ("control_plane/principals/authentication.py", "domicile.data_plane.routing", "planes"),
    ("data_plane/routing.py", "domicile.control_plane.principals.authentication", "planes"),
    ("cli/main.py", "domicile.apps.region", "planes"),
    ("data_plane/policy/admit.py", "domicile.data_plane.routing", "region"),
    ("data_plane/limits/reservation.py", "domicile.data_plane.engines.port", "region"),
    ("data_plane/metering/meter.py", "domicile.data_plane.inference", "region"),
    ("data_plane/egress.py", "domicile.data_plane.identity", "region"),
    ("data_plane/engines/upstream.py", "domicile.data_plane.engines.vendors.choice", "vendors"),
    ("control_plane/principals/authentication.py", "domicile.openai_api.chat", "control-plane-sees-no-content"),
    ("engine_server/app.py", "domicile.boundary.usage", "engines-see-no-boundary"),
    ("apps/control.py", "domicile.data_plane.routing", "app-control"),
    ("apps/region.py", "domicile.control_plane.principals.authentication", "app-region"),
    ("apps/engine.py", "domicile.boundary.usage", "app-engine"),
    ("apps/inspector.py", "domicile.openai_api.chat", "app-inspector"),
    ("data_plane/routing.py", "domicile.media.sound", "decoders"),
    ("confinement/walls.py", "domicile.media.sound", "planes"),
    ("apps/local/__main__.py", "domicile.control_plane.principals.authentication", "app-local"),
    ("cli/main.py", "domicile.data_plane.routing", "app-local"),
]


def lint(source: Path, cache: Path, *contracts: str) -> subprocess.CompletedProcess[str]:
    chosen = [part for contract in contracts for part in ("--contract", contract)]
    command = str(Path(sys.executable).parent / "lint-imports")
    return subprocess.run(
        [command, "--config", str(ROOT / ".importlinter"), "--cache-dir", str(cache), *chosen],
        cwd=source,
        env={**os.environ, "PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    shutil.copytree(SOURCE, folder / "domicile", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_the_contracts_hold(copy: Path) -> None:
    outcome = lint(copy, copy / "cache")
    assert outcome.returncode == 0, outcome.stdout


@pytest.mark.parametrize(("module", "imported", "contract"), VIOLATIONS)
def test_a_violation_is_caught(copy: Path, module: str, imported: str, contract: str) -> None:
    file = copy / "domicile" / module
    original = file.read_text("utf-8")
    try:
        file.write_text(f"{original}\nimport {imported}\n")
        outcome = lint(copy, copy / "cache", contract)
    finally:
        file.write_text(original)
    assert outcome.returncode == 1
    assert "BROKEN" in outcome.stdout
    assert imported in outcome.stdout


def test_a_new_package_must_be_placed(copy: Path) -> None:
    """The layers are exhaustive: nobody can add a package beside them."""
    for contract, folder in (("planes", "domicile/sidecar"), ("region", "domicile/data_plane/shortcut")):
        added = copy / folder
        added.mkdir()
        (added / "__init__.py").touch()
        try:
            assert lint(copy, copy / "cache", contract).returncode == 1
        finally:
            shutil.rmtree(added)
