"""An inspector, with its walls, whose decoder does what a recording tells it: what a fault in a real one might do.

python -m tests.platform.faulty_inspector --data FOLDER
"""

import ctypes
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

from domicile.apps import inspector
from domicile.media import inspecting

# It may stand elsewhere, and a test shall not take twenty seconds.
OWN = vars(inspecting)
OWN["PROCESSOR_SECONDS_MAX"] = 1.0


def _crash() -> float:
    ctypes.string_at(0)
    return 1.0


def _loop() -> float:
    while True:
        pass


def _wait() -> float:
    time.sleep(600)
    return 1.0


def _time_left() -> float:
    """By the clock. Takes the limit away, so it is for one that is not used again."""
    return signal.setitimer(signal.ITIMER_REAL, 0)[0]


def _fill() -> float:
    """As Python allocates, until it is told that there is no more."""
    held = []
    while True:
        held.append(bytearray(8 * 1024 * 1024))


def _fill_beside_python() -> float:
    """As C code does that does not look at what it is given: the process ends."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    while True:
        ctypes.memset(libc.malloc(ctypes.c_size_t(8 * 1024 * 1024)), 1, 8 * 1024 * 1024)


def _connect() -> float:
    with socket.socket(socket.AF_INET):
        return 1.0


def _connect_here() -> float:
    with socket.socket(socket.AF_UNIX):
        return 1.0


def _read_file() -> float:
    return float(len(Path("/etc/passwd").read_bytes()))


def _write_file() -> float:
    return float(Path("/tmp/written-by-a-decoder").write_bytes(b"content"))


def _say() -> float:
    return float(os.write(2, b"content"))


def _deceive() -> float:
    return -1.0


FAULTS: dict[bytes, Callable[[], float]] = {
    b"crash": _crash,
    b"loop": _loop,
    b"wait": _wait,
    b"time left": _time_left,
    b"fill": _fill,
    b"fill beside python": _fill_beside_python,
    b"connect": _connect,
    b"connect here": _connect_here,
    b"read a file": _read_file,
    b"write a file": _write_file,
    b"say": _say,
    b"deceive": _deceive,
}
_seconds_of = OWN["seconds_of"]


def seconds_of(content: bytes) -> float:
    """In the real one's place."""
    return FAULTS[content]() if content in FAULTS else float(_seconds_of(content))


if __name__ == "__main__":
    OWN["seconds_of"] = seconds_of
    inspector.main()
