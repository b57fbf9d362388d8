"""A supervisor in a process of its own, as it runs for a user."""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.platform.processes import consecutive_ports

_UP = str(Path(__file__).with_name("up_with_stand_ins.py"))
DEADLINE_S = 30.0


def eventually(condition: Callable[[], Any], what: str) -> Any:
    """The condition's value as soon as it is true; fails at the deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        if value := condition():
            return value
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.02)


def is_alive(process: int) -> bool:
    """Whether it runs; one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@dataclass
class Up:
    """One `domicile up` on a folder, and everything it started."""

    data: Path
    base: int
    process: subprocess.Popen[str]
    stdout: list[str] = field(default_factory=list)

    def wait_until_ready(self) -> "Up":
        """Reads its standard output up to the line `ready`."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.stdout.append(line.rstrip("\n"))
            if self.stdout[-1] == "ready":
                return self
        raise AssertionError(f"ended before it was ready: {self.errors()}")

    def endpoints(self) -> Any:
        """What it wrote for programs."""
        return json.loads((self.data / "endpoints.json").read_text())

    def processes(self, pattern: str = "*/processes-*") -> list[int]:
        """The process ids of all starts so far."""
        return [int(line) for file in sorted(self.data.glob(pattern)) for line in file.read_text().split()]

    def errors(self) -> str:
        """What it said on standard error until it ended."""
        assert self.process.stderr is not None
        return self.process.stderr.read()

    def next_error(self) -> str:
        """The next line on standard error."""
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Sends the signal and waits for the end."""
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_S)

    def all_gone(self) -> bool:
        """Whether none of its processes runs."""
        return not any(is_alive(process) for process in self.processes())


Starter = Callable[..., Up]


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """As short as a user's: pytest's own are too long for a Unix socket."""
    folder = Path(tempfile.mkdtemp(prefix="d-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def up(short_folder: Path) -> Iterator[Starter]:
    """Starts supervisors; what a test leaves running is killed."""
    started: list[Up] = []

    def start(*options: str, base: int | None = None, data: Path | None = None) -> Up:
        folder, first_port = data or short_folder / "data", base or consecutive_ports(5)
        command = [sys.executable, _UP, str(folder), str(first_port), *options]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(Up(folder, first_port, process))
        return started[-1]

    yield start
    for supervisor in started:
        # Its processes follow it, and the next test's ports are others.
        if supervisor.process.poll() is None:
            supervisor.process.kill()
            supervisor.process.wait()
        for stream in (supervisor.process.stdout, supervisor.process.stderr):
            if stream is not None:
                stream.close()
