"""Commands that become a process: they are run as such, because the process that ran them is gone."""

import subprocess
import sys
from pathlib import Path

SETTINGS = """
home = "us"
default_region = "us"
[control]
listen = { port = 0 }
boundary = { listen = { port = 0 }, url = "http://127.0.0.1:1" }
country = "US"
data = "control"
operator.key_file = "control/operator-key"
[[regions]]
code = "us"
residency = "US_STORAGE_PROCESSING"
geography = "US"
countries = ["US"]
public_url = "http://127.0.0.1:2"
listen = { port = 0 }
data = "us"
"""
EMBEDDED = """
[[regions.engines]]
name = "NAME"
label = "small"
country = "US"
operator = "me"
embedded = true
socket = "NAME.sock"
models = { "NAME-model" = "b" }
"""


def domicile(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from domicile.cli.main import run; run()", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_up_becomes_the_supervisor_with_its_options(tmp_path: Path) -> None:
    ended = domicile(tmp_path, "up", "--data", "data", "--port-base", "65535")
    assert ended.returncode == 1
    assert "--port-base must be between 1 and 65533" in ended.stderr
    assert (tmp_path / "data").is_dir()


def test_a_file_of_the_current_folder_is_not_imported(tmp_path: Path) -> None:
    (tmp_path / "argparse.py").write_text("raise SystemExit('imported')")
    ended = domicile(tmp_path, "up", "--port-base", "65535")
    assert "--port-base must be between" in ended.stderr


def test_control_and_region_become_their_programs(tmp_path: Path) -> None:
    (tmp_path / "domicile.toml").write_text(SETTINGS.replace('home = "us"', 'home = "mars"'))
    for command in (["control"], ["region", "us"], ["region", "worker", "us"]):
        ended = domicile(tmp_path, *command)
        assert ended.returncode == 1
        assert "home = 'mars' is none of the regions: us" in ended.stderr


def test_a_worker_apart_needs_a_database_for_several_processes(tmp_path: Path) -> None:
    (tmp_path / "domicile.toml").write_text(SETTINGS)
    ended = domicile(tmp_path, "region", "worker", "us", "--operator-port", "0")
    assert ended.returncode == 1
    assert ended.stderr.startswith("domicile region worker: region 'us' is on SQLite, which one process")
    assert not (tmp_path / "us").exists()


def test_a_missing_configuration_is_a_usage_error(tmp_path: Path) -> None:
    ended = domicile(tmp_path, "control", "--config", "none.toml")
    assert ended.returncode == 2
    assert "none.toml" in ended.stderr


def test_engine_takes_its_socket_from_the_configuration(tmp_path: Path) -> None:
    deep = tmp_path / ("long" * 30)
    deep.mkdir()
    (deep / "domicile.toml").write_text(SETTINGS + EMBEDDED.replace("NAME", "small"))
    ended = domicile(deep, "engine", "us")
    assert ended.returncode != 0
    assert "AF_UNIX path too long" in ended.stderr, "the engine itself refused the socket of this configuration"


def test_engine_says_which_there_are(tmp_path: Path) -> None:
    file = tmp_path / "domicile.toml"
    file.write_text(SETTINGS)
    assert "has no engine with 'embedded = true'" in domicile(tmp_path, "engine", "us").stderr
    file.write_text(SETTINGS + EMBEDDED.replace("NAME", "one") + EMBEDDED.replace("NAME", "two"))
    assert "give them the same socket" in domicile(tmp_path, "engine", "us").stderr
    assert "no region 'mars'" in domicile(tmp_path, "engine", "mars").stderr
