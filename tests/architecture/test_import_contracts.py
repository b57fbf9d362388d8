"""The import contracts hold, and each catches a deliberate violation (`.importlinter`)."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, SOURCE

# (module that is made to sin, what it imports, the contract that must break)
VIOLATIONS = [
    ("domicile/kernel/ids.py", "domicile.catalogue.endpoints", "planes"),
    ("domicile/catalogue/endpoints.py", "domicile.web.server.http_server", "planes"),
    ("domicile/boundary/usage.py", "domicile.openai_api.chat", "planes"),
    ("domicile/openai_api/chat.py", "domicile.boundary.usage", "planes"),
    ("domicile/control_plane/principals/authentication.py", "domicile.data_plane.routing", "planes"),
    ("domicile/data_plane/routing.py", "domicile.control_plane.principals.authentication", "planes"),
    ("domicile/cli/main.py", "domicile.apps.region", "planes"),
    ("domicile/data_plane/policy/admit.py", "domicile.data_plane.routing", "region"),
    ("domicile/data_plane/limits/reservation.py", "domicile.data_plane.engines.port", "region"),
    ("domicile/data_plane/metering/meter.py", "domicile.data_plane.inference", "region"),
    ("domicile/data_plane/egress.py", "domicile.data_plane.identity", "region"),
    ("domicile/data_plane/engines/upstream.py", "domicile.data_plane.engines.vendors.choice", "vendors"),
    ("domicile/apps/region/inference.py", "domicile.data_plane.engines.vendors.choice", "vendors"),
    ("domicile/data_plane/inference/lifecycle.py", "starlette", "lifecycle-without-web-framework"),
    ("domicile/data_plane/limits/reservation.py", "uvicorn", "lifecycle-without-web-framework"),
    # By way of a module that knows it.
    ("domicile/data_plane/metering/meter.py", "domicile.web.bodies.reading", "lifecycle-without-web-framework"),
    ("domicile/data_plane/engines/upstream.py", "domicile.data_plane.routing", "engines-see-a-call"),
    ("domicile/data_plane/engines/port.py", "domicile.data_plane.policy.caller", "engines-see-a-call"),
    (
        "domicile/control_plane/principals/authentication.py",
        "domicile.openai_api.chat",
        "control-plane-sees-no-content",
    ),
    ("domicile_engines/app/application.py", "domicile.boundary.usage", "engines-see-no-plane"),
    ("domicile_engines/runtime/resident.py", "domicile_engines.models.minilm.model", "engines"),
    ("domicile_engines/models/minilm/model.py", "domicile_engines.endpoints.embeddings.endpoint", "engines"),
    ("domicile_engines/endpoints/embeddings/endpoint.py", "domicile_engines.app.serving", "engines"),
    ("domicile/apps/control/process.py", "domicile.data_plane.routing", "app-control"),
    ("domicile/apps/region/process.py", "domicile.control_plane.principals.authentication", "app-region"),
    ("domicile_engines/__main__.py", "domicile.apps.listeners", "engines-see-no-plane"),
    ("domicile/apps/region/engines.py", "domicile_engines.app.serving", "engines-apart"),
    ("domicile/apps/inspector.py", "domicile.openai_api.chat", "app-inspector"),
    ("domicile/data_plane/routing.py", "domicile.media.sound", "decoders"),
    ("domicile/confinement/profiles.py", "domicile.media.sound", "planes"),
    ("domicile/apps/local/__main__.py", "domicile.control_plane.principals.authentication", "app-local"),
    ("domicile/cli/main.py", "domicile.data_plane.routing", "app-local"),
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
    shutil.copytree(SOURCE, folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return folder / "src"


def test_the_contracts_hold(copy: Path) -> None:
    outcome = lint(copy, copy / "cache")
    assert outcome.returncode == 0, outcome.stdout


@pytest.mark.parametrize(("module", "imported", "contract"), VIOLATIONS)
def test_a_violation_is_caught(copy: Path, module: str, imported: str, contract: str) -> None:
    file = copy / module
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
    for contract, folder in (
        ("planes", "domicile/sidecar"),
        ("region", "domicile/data_plane/shortcut"),
        ("engines", "domicile_engines/shelf"),
    ):
        added = copy / folder
        added.mkdir()
        (added / "__init__.py").touch()
        try:
            assert lint(copy, copy / "cache", contract).returncode == 1
        finally:
            shutil.rmtree(added)
