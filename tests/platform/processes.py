"""Processes that end with the test, and waiting for what they do, with a deadline."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import httpx2

T = TypeVar("T")

# The operating system's: tools that try inputs at random seed Python's own, and every test would choose the same ports.
_CHANCE = random.SystemRandom()

ROOT = Path(__file__).parents[2]


def eventually(look: Callable[[], T], *, within_s: float = 30.0, what: str = "") -> T:
    """The first true thing that `look` returns. Fails after `within_s`. Exceptions of connections count as "not yet"."""
    deadline = time.monotonic() + within_s
    last: object = None
    while time.monotonic() < deadline:
        try:
            last = look()
        except (httpx2.TransportError, OSError, ValueError) as error:
            last = error
        else:
            if last:
                return last
        time.sleep(0.02)
    raise AssertionError(f"not within {within_s} s: {what or look} (last: {last!r})")


def consecutive_ports(count: int) -> int:
    """The first of so many free ports in a row.

    From below the range out of which the kernel takes the local ports of connections, so that none of those gets there
    first; and by chance, so that two runs on one machine rarely want the same.
    """
    for _ in range(200):
        base = _CHANCE.randrange(10_000, 32_000 - count)
        sockets: list[socket.socket] = []
        try:
            for port in range(base, base + count):
                sockets.append(socket.create_server(("127.0.0.1", port)))
        except OSError:
            continue
        finally:
            for sock in sockets:
                sock.close()
        return base
    raise AssertionError("no free ports")


def free_ports(count: int) -> list[int]:
    """So many free ports, all different."""
    base = consecutive_ports(count)
    return list(range(base, base + count))


class Process:
    """`python -m module arguments`, with its output in a file."""

    def __init__(
        self,
        module: str,
        *arguments: str,
        log: Path,
        environment: dict[str, str] | None = None,
        python: str = sys.executable,
    ) -> None:
        self._module = module
        self._arguments = arguments
        self._python = python
        self._environment = {**os.environ, **(environment or {})}
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Process":
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as stream:
            self._process = subprocess.Popen(
                [self._python, "-m", self._module, *self._arguments],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=stream,
                stderr=stream,
            )
        return self

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def check(self) -> None:
        """Fails with the end of the log when the process has ended by itself."""
        if not self.is_running:
            raise AssertionError(f"{self._module} has ended:\n{self.log.read_text(errors='replace')[-2000:]}")

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self, number: signal.Signals = signal.SIGTERM, *, within_s: float = 15.0) -> int:
        """Sends the signal and returns the exit status. Fails when the process outlives the deadline."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            return self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"{self._module} did not stop within {within_s} s of {number.name}") from None
        finally:
            if self._process.stdin is not None:
                self._process.stdin.close()

    def kill(self) -> None:
        """kill -9."""
        self.stop(signal.SIGKILL)
