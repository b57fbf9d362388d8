"""What every process of an installation asks the kernel for, with all models loaded, through every endpoint (C05, C07).

The recorder sees what is attempted, also what a wall would have refused: no library may even try.
"""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import domicile
from tests.e2e.conftest import DOMICILE, RunningUp, wait_until_ready
from tests.platform.endpoint_uses import use_everything
from tests.platform.processes import consecutive_ports
from tests.platform.recorder import Call, Recorder

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the kernel that is asked is Linux'"),
    pytest.mark.timeout(900),
]

PROOFS = {"engine": 1, "inspector": 2}
"""Each wall is tried once when it has been put up (`confinement.profiles`), with a socket of this family and kind."""
PROOF = "family 2, kind 2"
CODE = (str(Path(domicile.__file__).parents[1]), sys.prefix, sys.base_prefix)


@dataclass(frozen=True)
class Process:
    """Which one it is, by its command line."""

    kind: str
    plane: str
    """The plane's code, `control`, or empty."""


def process_of(command: tuple[str, ...], folder: Path) -> Process:
    module = next((part.rpartition(".")[2] for part in command if part.startswith("domicile.apps.")), "supervisor")
    if "domicile_engines" in command:
        module = "engine"
    if module == "control":
        return Process(module, "control")
    if module == "region":
        return Process(module, command[command.index("--region") + 1])
    if module in PROOFS:
        data = Path(command[command.index("--data") + 1])
        return Process(module, str(data.relative_to(folder)))
    return Process("supervisor", "")


@dataclass(frozen=True)
class Recorded:
    """One installation's life."""

    folder: Path
    home: Path
    ports: range
    calls: list[tuple[Process, Call]]

    def of(self, *names: str) -> list[tuple[Process, Call]]:
        return [(process, call) for process, call in self.calls if call.name in names]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    root = tmp_path_factory.mktemp("recorded")
    folder, home, temporary = root / "data", root / "home", root / "tmp"
    home.mkdir()
    temporary.mkdir()
    ports = consecutive_ports(3)
    command = [str(DOMICILE), "up", "--data", str(folder), "--port-base", str(ports)]
    environment = {**os.environ, "HOME": str(home), "TMPDIR": str(temporary)}
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "HF_HOME", "PYTHONDONTWRITEBYTECODE"):
        environment.pop(name, None)
    output = root / "data.out"
    recorder = Recorder(
        command,
        output,
        has_no_network=lambda line: process_of(line, folder).kind in PROOFS,
        environment=environment,
    )
    up = RunningUp(recorder.process, folder, output)
    try:
        wait_until_ready(up, within_s=240)
        for code in ("us", "eu"):
            with up.client(code, up.new_key(code).secret) as client:
                assert list(use_everything(client))
    finally:
        recorder.process.terminate()
        recorder.process.wait(120)
        recorder.wait(120)
    calls = [(process_of(call.command, folder), call) for call in recorder.calls()]
    yield Recorded(folder, home, range(ports, ports + 3), calls)


def test_every_process_was_watched(recorded: Recorded) -> None:
    seen = {process for process, _ in recorded.of("seccomp", "bind", "connect")}
    planes = {Process(kind, code) for kind in ("region", "engine", "inspector") for code in ("us", "eu")}
    assert planes | {Process("control", "control")} <= seen


def test_no_process_but_control_and_regions_asks_for_a_network(recorded: Recorded) -> None:
    asked = [(process, call) for process, call in recorded.of("socket") if process.kind in PROOFS]
    assert {call.target for _, call in asked} == {PROOF}
    times = Counter((process, call.pid) for process, call in asked)
    assert all(count == PROOFS[process.kind] for (process, _), count in times.items()), times


def test_each_process_connects_to_what_is_its_own_alone(recorded: Recorded) -> None:
    loopback = {f"127.0.0.1:{port}" for port in recorded.ports}
    boundary = boundary_addresses(recorded)
    for process, call in recorded.of("connect", "sendto", "sendmsg", "sendmmsg"):
        if call.target.startswith("unix:"):
            plane = recorded.folder / process.plane
            assert Path(call.target.removeprefix("unix:")).is_relative_to(plane), (process, call)
        elif process.kind == "region":
            # The boundary listener, whose port is the kernel's choice: the control plane's own.
            assert call.target in boundary, (process, call)
        else:
            assert process.kind == "supervisor" and call.target in loopback, (process, call)


def boundary_addresses(recorded: Recorded) -> set[str]:
    return {call.target for process, call in recorded.of("bind") if process.kind == "control"}


def test_every_listener_is_on_loopback_or_in_its_plane_s_folder(recorded: Recorded) -> None:
    for process, call in recorded.of("bind"):
        path = call.target.removeprefix("unix:")
        is_own = call.target.startswith("unix:") and Path(path).is_relative_to(recorded.folder / process.plane)
        is_loopback = process.kind in {"control", "region", "supervisor"} and call.target.startswith("127.0.0.1:")
        assert is_own or is_loopback, (process, call)


FILES = ("open", "openat", "openat2", "creat", "mkdir", "mkdirat", "rename", "renameat", "renameat2")
MORE_FILES = ("link", "linkat", "symlink", "symlinkat", "mknod", "mknodat", "truncate")


def test_each_process_writes_in_its_plane_s_folder_alone(recorded: Recorded) -> None:
    for process, call in recorded.of(*FILES, *MORE_FILES):
        allowed = [recorded.folder / process.plane]
        if process.kind == "supervisor":
            # Where the engines' sockets lie if the data folder's path is too long for them.
            allowed.append(recorded.folder.with_name("tmp"))
        assert any(is_allowed(call.target, folder) for folder in allowed), (process, call)


def is_allowed(path: str, folder: Path) -> bool:
    """The interpreter keeps compiled modules beside their source, where it may."""
    is_compiled = "/__pycache__/" in f"{path}/" and path.startswith(CODE)
    return Path(path).is_relative_to(folder) or is_compiled or path == os.devnull


def test_nothing_is_left_in_the_user_s_own_folders(recorded: Recorded) -> None:
    assert list(recorded.home.rglob("*")) == []


def test_only_the_supervisor_and_regions_start_programs_and_only_python(recorded: Recorded) -> None:
    for process, call in recorded.of("execve", "execveat"):
        assert process.kind in {"supervisor", "region"}, (process, call)
        assert Path(call.target) in {DOMICILE, Path(sys.executable)}, (process, call)
