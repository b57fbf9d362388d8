"""The engine's Unix socket."""

import os
import socket
from pathlib import Path


def listen(path: Path) -> socket.socket:
    """A socket that only this user can open, from its first instant. Ends the process when another one serves there."""
    if path.is_socket():
        _unlink_if_dead(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    return listener


def _unlink_if_dead(path: Path) -> None:
    """Remove the socket of a killed engine, but never that of a running one."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink()
            return
    raise SystemExit(f"{path} is in use by another process")
