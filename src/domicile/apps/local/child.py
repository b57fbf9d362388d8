"""Keeps one process running: starts it, watches it, and restarts it."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from domicile.apps.local.logs import last_lines, open_log
from domicile.apps.local.readiness import Probe

FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 10.0
STABLE_AFTER_SECONDS = 30.0
STARTS_MAX = 3


@dataclass(frozen=True, slots=True, eq=False)
class ProcessPlan:
    """A process to run: its command, its log, and how to see that it is ready."""

    name: str
    command: tuple[str, ...]
    log: Path
    ready: Probe
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables in addition to the supervisor's own."""


class StartError(Exception):
    """The installation cannot be started. The text says why."""


class BackOff:
    """Exponential back-off between restarts. It starts again from the first delay after a stable run."""

    def __init__(self) -> None:
        self._next = FIRST_DELAY_SECONDS

    def after(self, lived_s: float) -> float:
        """The delay in seconds before the next start. `lived_s`: how long the process ran."""
        if lived_s >= STABLE_AFTER_SECONDS:
            self._next = FIRST_DELAY_SECONDS
        delay = self._next
        self._next = min(delay * 2, LONGEST_DELAY_SECONDS)
        return delay


class Child:
    """One process of the process table, across its restarts."""

    def __init__(self, plan: ProcessPlan, say: Callable[[str], None], inherited: tuple[int, ...]) -> None:
        """`say`: shows a message to the user. `inherited`: file descriptors that the process keeps open while it lives."""
        self.plan = plan
        self._say = say
        self._inherited = inherited
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._may_die = False
        self._deaths = 0

    def settle(self) -> None:
        """Restart this process without limit from now on: the installation has been ready once."""
        self._may_die = True

    async def keep_running(self) -> None:
        """Run the process until `stop`. Raises `StartError` if it ends `STARTS_MAX` times before `settle`."""
        back_off = BackOff()
        while not self._stopping.is_set():
            started = time.monotonic()
            status = await self._run_once()
            if self._stopping.is_set():
                return
            self._deaths += 1
            if not self._may_die and self._deaths >= STARTS_MAX:
                raise StartError(
                    self._why(f"{self.plan.name} ended {STARTS_MAX} times before all was ready ({status})")
                )
            delay = back_off.after(time.monotonic() - started)
            self._say(f"{self.plan.name} ended ({status}); it restarts in {delay:.1f} s. Log: {self.plan.log}")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)

    def not_ready(self, seconds: float, last_answer: str) -> StartError:
        """The error for a process that runs but does not become ready. `last_answer`: its last reply to the probe."""
        return StartError(self._why(f"{self.plan.name} was not ready after {seconds:.0f} s ({last_answer})"))

    def stop(self) -> None:
        """Ask the process to end (SIGTERM), and do not restart it."""
        self._stopping.set()
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process at once (SIGKILL)."""
        self._signal(signal.SIGKILL)

    async def _run_once(self) -> str:
        """Start the process and wait for its end. Returns how it ended."""
        # When the supervisor ends in any way, the process reads the end of its standard input. Python closes both ends in
        # the other children; otherwise a child would keep the pipes of the others open.
        reading, writing = os.pipe()
        try:
            with open_log(self.plan.log) as log:
                self._process = await asyncio.create_subprocess_exec(
                    *self.plan.command,
                    stdin=reading,
                    stdout=log,
                    stderr=log,
                    env={**os.environ, "PYTHONUNBUFFERED": "1", **self.plan.environment},
                    pass_fds=self._inherited,
                    # Ctrl-C in the terminal must reach only the supervisor, which stops all processes in order.
                    process_group=0,
                )
            os.close(reading)
            reading = -1
            if self._stopping.is_set():
                self._signal(signal.SIGTERM)
            return _describe(await self._process.wait())
        except OSError as error:
            return f"cannot be started: {error.strerror}"
        finally:
            self._process = None
            os.close(writing)
            if reading != -1:
                os.close(reading)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _why(self, what: str) -> str:
        tail = "\n".join(f"    {line}" for line in last_lines(self.plan.log))
        return f"{what}. The last lines of {self.plan.log}:\n{tail or '    (it is empty)'}"


def _describe(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    with suppress(ValueError):
        return f"killed by {signal.Signals(-status).name}"
    return f"killed by signal {-status}"
