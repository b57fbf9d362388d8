"""A timer of a connection."""

import asyncio
from collections.abc import Callable


class Deadline:
    """Calls back `seconds` after `start`, unless `stop` is called before.

    It holds a reference to the callback only until then. A longer one would form a cycle with the connection, which only the
    garbage collector could free.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._loop = loop
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_running(self) -> bool:
        """Whether it has been started and not stopped."""
        return self._timer is not None

    def start(self, expired: Callable[[], None]) -> None:
        """Start the timer, or start it over."""
        self.stop()
        self._timer = self._loop.call_later(self._seconds, expired)

    def stop(self) -> None:
        """Cancel the timer. Does nothing when it is not running."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
