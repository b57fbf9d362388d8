"""What the person who started it sees: progress and troubles on standard error, the result on standard output."""

import sys
from contextlib import suppress

from rich.console import Console
from rich.status import Status


class Display:
    """On a terminal one line that changes; elsewhere a line for each step."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
        self._status: Status | None = None

    def step(self, text: str) -> None:
        """What is going on now."""
        if not self._console.is_terminal:
            self.say(text)
        elif self._status is None:
            self._status = self._console.status(text)
            self._status.start()
        else:
            self._status.update(text)

    def say(self, text: str) -> None:
        """Something to keep. A reader who has gone away is no reason to stop what runs."""
        with suppress(OSError):
            self._console.print(f"domicile: {text}")

    def end_steps(self) -> None:
        """Takes the changing line away."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def result(self, text: str) -> None:
        """For standard output, which a program may read line by line."""
        with suppress(OSError):
            sys.stdout.write(text)
            sys.stdout.flush()

    @property
    def is_for_a_person(self) -> bool:
        """Whether the result goes to a terminal, and not into a file or to a program."""
        return sys.stdout.isatty()
