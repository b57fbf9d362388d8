"""`domicile up` itself: what it writes and prints, how it stops, and that it goes on where it was."""

import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from openai import APIStatusError, PermissionDeniedError

from tests.e2e.conftest import DOMICILE, RunningUp, start_up, wait_until_ready
from tests.platform.installation import IssuedKey
from tests.platform.processes import ROOT, consecutive_ports, eventually


def descendants(pid: int) -> list[int]:
    """Every process below this one."""
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return children + [grandchild for child in children for grandchild in descendants(child)]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_endpoints_file_is_what_others_script_against(up: RunningUp) -> None:
    endpoints = up.endpoints
    assert set(endpoints) == {"control", "regions", "admin_key_file", "operator_key_file"}
    base = int(up.control_url.rsplit(":", 1)[1])
    assert up.control_url == f"http://127.0.0.1:{base}"
    assert endpoints["regions"] == {
        "us": {"url": f"http://127.0.0.1:{base + 1}/v1"},
        "eu": {"url": f"http://127.0.0.1:{base + 2}/v1"},
    }
    for name in ("admin_key_file", "operator_key_file"):
        assert stat.S_IMODE(up.key_file(name).stat().st_mode) == 0o600
    assert {"control", "us", "eu"} <= {path.name for path in up.folder.iterdir() if path.is_dir()}


def test_every_listener_is_on_loopback(up: RunningUp) -> None:
    inodes = set()
    for pid in (up.process.pid, *descendants(up.process.pid)):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = str(descriptor.readlink())
            except OSError:
                continue
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    listening = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                listening.append(fields[1].split(":")[0])
    assert len(listening) >= 4, "control, its boundary listener, and two regions"
    assert set(listening) == {"0100007F"}


def test_the_lines_it_prints_work_when_pasted(up: RunningUp) -> None:
    text = up.output.read_text()
    shell, python = (
        [line.strip() for line in block.splitlines() if line.startswith("  ")]
        for block in re.split(r"\nThe same in Python.*\n", text.split("Create a project in 'eu'")[1])
    )
    answer = subprocess.run(
        ["bash", "-ec", "\n".join(shell)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert '"chat.completion"' in answer.stdout, answer.stderr
    answer = subprocess.run(
        [sys.executable, "-c", "\n".join(python)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert answer.stdout.strip(), answer.stderr


def test_the_command_line_does_what_an_administrator_needs(up: RunningUp) -> None:
    def domicile(*arguments: str, status: int = 0) -> str:
        command = [str(DOMICILE), *arguments, "--data", str(up.folder)]
        outcome = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert outcome.returncode == status, outcome.stdout + outcome.stderr
        return outcome.stdout + outcome.stderr

    assert "eu" in domicile("regions", "list")
    project = domicile("projects", "create", "--name", "cli", "--region", "eu", "--quiet").strip()
    assert project in domicile("projects", "list", "--json")
    key = domicile("keys", "create", "--project", project, "--name", "cli", "--quiet").strip()
    assert key.startswith("sk-eu-1")
    assert up.client("eu", key).models.list().data
    assert "archived" in domicile("projects", "archive", project)
    refused = domicile("projects", "create", "--name", "cli", "--region", "mars", status=1)
    assert "Traceback" not in refused


@pytest.mark.timeout(300)
def test_it_stops_cleanly_dies_cleanly_and_goes_on(tmp_path: Path) -> None:
    ports = consecutive_ports(3)
    up = start_up(tmp_path / "data", ports, "--no-agreement")
    wait_until_ready(up)
    # Without agreement Europe is closed, the US is not (C01).
    with pytest.raises(PermissionDeniedError) as caught:
        up.new_key("eu")
    assert caught.value.code == "enterprise_agreement_required"
    key = up.new_key("us")
    everything = descendants(up.process.pid)
    assert len(everything) >= 5

    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(10) == 0
    assert not any(is_alive(pid) for pid in everything)

    up = _again(up, ports)
    assert _answers(up, key)
    everything = descendants(up.process.pid)
    up.process.send_signal(signal.SIGKILL)
    up.process.wait()
    eventually(lambda: not any(is_alive(pid) for pid in everything), within_s=60, what="nothing is left behind")

    up = _again(up, ports)
    assert _answers(up, key)
    # A child that dies is started again.
    engine = _engines(up)[0]
    os.kill(engine, signal.SIGKILL)
    eventually(lambda: len(_engines(up)) == 2 and engine not in _engines(up), what="a new engine")
    eventually(lambda: _answers(up, key), what="the region uses it")
    started = time.monotonic()
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(10) == 0
    assert time.monotonic() - started < 60


def _again(up: RunningUp, ports: int) -> RunningUp:
    up.output.unlink()
    again = start_up(up.folder, ports, "--no-agreement")
    wait_until_ready(again)
    return again


def _answers(up: RunningUp, key: IssuedKey) -> bool:
    try:
        answer = up.client("us", key.secret).chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": "Hello"}], max_tokens=4
        )
    except APIStatusError:
        return False
    return bool(answer.choices)


def _engines(up: RunningUp) -> list[int]:
    return [
        pid
        for pid in descendants(up.process.pid)
        if is_alive(pid) and b"domicile_engines" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
