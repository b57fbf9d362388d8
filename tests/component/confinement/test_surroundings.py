"""Where a process's libraries find their folders, told by real interpreters."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

LOOK = """
import json, os, sys, tempfile
from pathlib import Path
before = tempfile.gettempdir()
from domicile.confinement.surroundings import environment_of_child, move_into
home = move_into(Path(sys.argv[1]), "engine")
found = {"home": Path.home(), "user": os.path.expanduser("~"), "temporary": tempfile.gettempdir(), "made": home}
found |= {name: value for name, value in os.environ.items() if name.startswith("XDG_") or name.endswith("_HOME")}
print(json.dumps({"child": dict(environment_of_child()), "found": found}, default=str))
"""


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, str]]:
    for name in ("HF_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, "/somewhere/else")
    monkeypatch.setenv("ENGINE_KEY", "sk-secret")
    data = tmp_path / "eu"
    data.mkdir()
    command = [sys.executable, "-c", LOOK, str(data)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    answer: dict[str, dict[str, str]] = json.loads(done.stdout)
    return answer


def test_every_folder_lies_in_the_plane_s(tmp_path: Path, told: dict[str, dict[str, str]]) -> None:
    home = tmp_path / "eu" / "home" / "engine"
    assert {"HF_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"} <= set(told["found"])
    for name, folder in told["found"].items():
        assert Path(folder).is_relative_to(home), name


def test_nobody_else_can_enter(tmp_path: Path, told: dict[str, dict[str, str]]) -> None:
    for folder in (tmp_path / "eu" / "home").rglob("*"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder


def test_a_child_is_given_what_it_needs_and_no_secret(told: dict[str, dict[str, str]]) -> None:
    assert {"PATH", "HOME", "TMPDIR", "ORT_DISABLE_TELEMETRY"} <= set(told["child"])
    assert "sk-secret" not in told["child"].values()
