"""How much a process's memory grows while something is done."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.fuzz.process_figures import resident_bytes


class Peak(threading.Thread):
    """Looks at a process's memory every 20 ms."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.ended = threading.Event()
        self._pid = pid
        self._base = self._highest = resident_bytes(pid)

    def run(self) -> None:
        """Look until `ended`."""
        while not self.ended.wait(0.02):
            self._highest = max(self._highest, resident_bytes(self._pid))

    def grown_bytes(self) -> int:
        """The most by which the memory has exceeded that of the beginning."""
        return self._highest - self._base


@contextmanager
def peak(pid: int) -> Iterator[Peak]:
    """Look while the block runs."""
    looking = Peak(pid)
    looking.start()
    try:
        yield looking
    finally:
        looking.ended.set()
        looking.join()
