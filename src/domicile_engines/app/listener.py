"""The engine's Unix socket."""

import os
import socket
from pathlib import Path


def listen(path: Path) -> socket.socket:
    """Bind a Unix socket with mode 0600 from the start. Exits if another process serves at `path`."""
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
    """Remove the socket that a killed engine left. Exits if an engine still serves on it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink()
            return
    raise SystemExit(f"{path} is in use by another process")
