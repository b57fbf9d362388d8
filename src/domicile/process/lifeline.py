"""The tie between a process and the supervisor that started it: when the supervisor dies, so does the process."""

import os
import signal
import threading
import time

_GRACE_SECONDS = 5.0


def follow_parent() -> None:
    """Stop this process once its standard input reaches the end.

    The supervisor holds the writing end of that pipe and never writes. However it dies, `kill -9` included, the
    kernel closes the pipe, so nothing it started can outlive it. Call this once, early; it returns at once.
    """
    threading.Thread(target=_follow, name="lifeline", daemon=True).start()


def _follow() -> None:
    _read_to_end(0)
    # The ordinary way out first, so that servers drain and close what they hold.
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    # A handler that hangs must not keep an orphan alive; nothing is left to report to.
    os._exit(1)


def _read_to_end(descriptor: int) -> None:
    while True:
        try:
            if not os.read(descriptor, 4096):
                return
        except OSError:
            # A closed or broken descriptor says the same as its end: nobody holds the other side.
            return
