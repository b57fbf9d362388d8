"""The tie between a process and the supervisor that started it: when the supervisor dies, so does the process."""

import os
import signal
import threading
import time

_GRACE_SECONDS = 5.0


def follow_parent() -> None:
    """Stop this process once its standard input reaches the end.

    The supervisor holds the writing end of that pipe and never writes. When it dies, even by `kill -9`, the kernel closes the
    pipe, so no process that it started outlives it. Call this once, early; it returns at once.
    """
    threading.Thread(target=_follow, name="lifeline", daemon=True).start()


def _follow() -> None:
    _read_to_end(0)
    # SIGTERM first, so that servers drain and close their connections.
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    # A handler that hangs must not keep this process alive without its supervisor.
    os._exit(1)


def _read_to_end(descriptor: int) -> None:
    while True:
        try:
            if not os.read(descriptor, 4096):
                return
        except OSError:
            # A closed or broken descriptor means the same as its end: the supervisor is gone.
            return
