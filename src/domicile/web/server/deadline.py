"""A deadline of a connection."""

import asyncio
from collections.abc import Callable


class Deadline:
    """Calls back when so many seconds have passed since `start` without a `stop`.

    It refers to what it calls only until `stop`: otherwise it would be the garbage collector that frees a connection.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._loop = loop
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped since."""
        return self._timer is not None

    def start(self, expired: Callable[[], None]) -> None:
        """From now. One that is running begins anew."""
        self.stop()
        self._timer = self._loop.call_later(self._seconds, expired)

    def stop(self) -> None:
        """Nothing is called."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
