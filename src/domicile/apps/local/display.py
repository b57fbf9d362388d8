"""The output of `domicile up`: progress and messages on standard error, the result on standard output."""

import sys
from contextlib import suppress

from rich.console import Console
from rich.status import Status


class Display:
    """Shows progress in one changing line on a terminal, and one line per step elsewhere."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
        self._status: Status | None = None

    def step(self, text: str) -> None:
        """Show the current step."""
        if not self._console.is_terminal:
            self.say(text)
        elif self._status is None:
            self._status = self._console.status(text)
            self._status.start()
        else:
            self._status.update(text)

    def say(self, text: str) -> None:
        """Print a message that stays. A closed output does not stop the supervisor."""
        with suppress(OSError):
            self._console.print(f"domicile: {text}")

    def end_steps(self) -> None:
        """Remove the changing line."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def result(self, text: str) -> None:
        """Write to standard output, which a program may read line by line."""
        with suppress(OSError):
            sys.stdout.write(text)
            sys.stdout.flush()

    @property
    def is_for_a_person(self) -> bool:
        """Whether standard output is a terminal."""
        return sys.stdout.isatty()
