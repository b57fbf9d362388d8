"""`domicile up` from start to end, with real processes in the place of the planes."""

import os
import signal
import socket
import stat
import time
import tomllib
from pathlib import Path

import pytest

from tests.component.apps.conftest import Starter, eventually, is_alive
from tests.component.apps.stand_in import ADMIN_KEY
from tests.platform.processes import consecutive_ports

JAPAN = """
home = "us"
default_region = "us"
[control]
country = "US"
[[regions]]
code = "us"
residency = "US_STORAGE_PROCESSING"
geography = "US"
countries = ["US"]
[[regions]]
code = "jp"
residency = "JP_STORAGE_PROCESSING"
geography = "JP"
countries = ["JP"]
rows_of = "us"
[[regions.engines]]
name = "small"
label = "small"
country = "JP"
operator = "this machine"
embedded = true
models = { smollm2-135m-instruct = "smollm2-135m-instruct" }
"""


def test_ready_is_said_last_and_everything_is_where_it_was_promised(up: Starter) -> None:
    running = up().wait_until_ready()
    assert running.endpoints() == {
        "control": {"url": f"http://127.0.0.1:{running.base}"},
        "regions": {
            "us": {"url": f"http://127.0.0.1:{running.base + 1}/v1"},
            "eu": {"url": f"http://127.0.0.1:{running.base + 2}/v1"},
        },
        "admin_key_file": str(running.data / "control" / "admin-key"),
        "operator_key_file": str(running.data / "control" / "operator-key"),
    }
    for member in ("admin_key_file", "operator_key_file"):
        assert stat.S_IMODE(Path(running.endpoints()[member]).stat().st_mode) == 0o600
    assert len(running.processes()) == 5
    assert (running.data / "control" / "tokens").read_text().split() == ["us", "eu"]
    assert not list(running.data.glob("*/enrollment-token")), "a token that is used up is removed"
    assert not any(ADMIN_KEY in line for line in running.stdout), "a pipe gets the key's file, only a terminal the key"
    assert any(str(running.data / "control" / "admin-key") in line for line in running.stdout)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_everything_within_ten_seconds(up: Starter, number: signal.Signals) -> None:
    running = up().wait_until_ready()
    began = time.monotonic()
    assert running.stop(number) == 0
    assert time.monotonic() - began < 60
    assert running.all_gone()
    assert not (running.data / "endpoints.json").exists()


def test_a_signal_before_it_is_ready_stops_everything(up: Starter) -> None:
    starting = up("--region=--unready")
    eventually(lambda: starting.processes("eu/processes-region"), "the last region has been started")
    assert starting.stop() == 0
    assert starting.all_gone()
    assert not (starting.data / "endpoints.json").exists()


def test_killed_with_9_it_leaves_nothing_and_the_next_one_goes_on_with_the_same_data(up: Starter) -> None:
    killed = up().wait_until_ready()
    processes = killed.processes()
    killed.stop(signal.SIGKILL)
    eventually(lambda: not any(is_alive(process) for process in processes), "all processes are gone")
    assert (killed.data / "endpoints.json").exists()

    other_base = consecutive_ports(5)
    following = up(base=other_base).wait_until_ready()
    assert following.endpoints()["control"]["url"].endswith(f":{other_base}")
    assert tomllib.loads((following.data / "domicile.toml").read_text())["control"]["listen"]["port"] == other_base
    assert (following.data / "control" / "tokens").read_text().split() == ["us", "eu"], "no region enrolls twice"
    assert following.stop() == 0


def test_the_next_one_waits_for_the_processes_of_a_killed_one(up: Starter) -> None:
    killed = up("--region=--lingers").wait_until_ready()
    lingering = killed.processes("*/processes-region")
    killed.stop(signal.SIGKILL)
    following = up(base=killed.base)
    assert "waiting for the processes of the previous run" in following.next_error()
    assert all(is_alive(process) for process in lingering)
    (killed.data / "let-go").touch()
    following.wait_until_ready()
    assert not any(is_alive(process) for process in lingering)
    assert following.stop() == 0


@pytest.mark.parametrize(
    "plane", ["control/processes-control", "eu/processes-region", "engines/processes-us-engine.sock"]
)
def test_a_process_that_dies_is_started_again(up: Starter, plane: str) -> None:
    running = up().wait_until_ready()
    (first,) = running.processes(plane)
    os.kill(first, signal.SIGKILL)
    second = eventually(lambda: running.processes(plane)[1:], "a second start")[0]
    assert is_alive(second)
    assert running.stop() == 0
    assert "killed by SIGKILL" in running.errors()


def test_a_process_that_cannot_start_stops_all_and_shows_its_log(up: Starter) -> None:
    failed = up("--region=--dies")
    errors = failed.errors()
    assert failed.process.wait() == 1
    assert "ended 3 times before all was ready (exit status 7)" in errors
    assert "I have nothing to live for" in errors
    assert failed.processes("control/processes-*"), "the control plane had been started"
    assert failed.all_gone()
    assert not (failed.data / "endpoints.json").exists()


def test_a_process_that_does_not_hear_is_killed_in_time(up: Starter) -> None:
    running = up("--region=--deaf").wait_until_ready()
    began = time.monotonic()
    assert running.stop() == 0
    assert time.monotonic() - began < 60
    assert running.all_gone()


def test_a_port_that_is_taken_is_named_before_anything_starts(up: Starter) -> None:
    base = consecutive_ports(5)
    with socket.create_server(("127.0.0.1", base + 2)):
        refused = up(base=base)
        errors = refused.errors()
        assert refused.process.wait() == 1
    assert f"port {base + 2} (eu) cannot be used: another program listens on it" in errors
    assert f"port {base} " not in errors
    assert not refused.processes()


def test_a_second_one_on_the_same_folder_is_refused_and_the_first_goes_on(up: Starter) -> None:
    first = up().wait_until_ready()
    second = up(base=consecutive_ports(5))
    assert "another 'domicile up' is running" in second.errors()
    assert second.process.wait() == 1
    assert first.endpoints()["control"]["url"].endswith(f":{first.base}")
    assert all(is_alive(process) for process in first.processes())


def test_a_stale_endpoints_file_is_removed_before_anything_starts(up: Starter, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "endpoints.json").write_text("{}")
    failed = up("--control=--dies", data=data)
    assert failed.process.wait() == 1
    assert not (data / "endpoints.json").exists()


@pytest.mark.contract("C17")
def test_a_third_region_is_a_block_of_configuration(up: Starter, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(JAPAN)
    running = up("--config", str(file)).wait_until_ready()
    assert running.endpoints()["regions"] == {
        "us": {"url": f"http://127.0.0.1:{running.base + 1}/v1"},
        "jp": {"url": f"http://127.0.0.1:{running.base + 2}/v1"},
    }
    assert len(running.processes("engines/processes-jp-*")) == 1
    assert not running.processes("engines/processes-us-*")


def test_a_configuration_that_is_wrong_is_named_by_its_own_file(up: Starter, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(JAPAN.replace('country = "JP"', 'country = "FR"'))
    refused = up("--config", str(file))
    errors = refused.errors()
    assert refused.process.wait() == 1
    assert f"{file}: regions.1" in errors
    assert "stands in FR" in errors
    assert not refused.processes()


def test_a_folder_too_long_for_a_socket_gets_one_elsewhere_that_is_removed(up: Starter, tmp_path: Path) -> None:
    running = up(data=tmp_path / ("long" * 20)).wait_until_ready()
    settings = tomllib.loads((running.data / "domicile.toml").read_text())
    sockets = [Path(engine["socket"]) for region in settings["regions"] for engine in region["engines"]]
    assert all(socket_.is_socket() and len(str(socket_)) <= 80 for socket_ in sockets)
    (folder,) = {socket_.parent for socket_ in sockets}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert running.stop() == 0
    assert not folder.exists()
