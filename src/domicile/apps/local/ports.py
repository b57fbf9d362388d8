"""The ports of `domicile up`. If a requested port is not free, nothing is started."""

import errno
import random
import socket
from collections.abc import Mapping
from pathlib import Path

HOST = "127.0.0.1"
_PORT_MAX = 65535
_FREE_PORT_ATTEMPTS = 200


class PortError(Exception):
    """A port cannot be used. The text says which one and what to do."""


def public_ports(port_base: int, codes: list[str]) -> dict[str, int]:
    """The port base for `control`, then one port per region in the order of `codes`. Raises `PortError`."""
    if not 1 <= port_base <= _PORT_MAX - len(codes):
        raise PortError(
            f"--port-base must be between 1 and {_PORT_MAX - len(codes)}: the regions use the ports after it"
        )
    return {name: port_base + offset for offset, name in enumerate(["control", *codes])}


def require_free(ports: Mapping[str, int]) -> None:
    """Raises one `PortError` that names every port that cannot be listened on."""
    problems = []
    for name, port in ports.items():
        reason = _why_not(port)
        if reason is not None:
            problems.append(f"port {port} ({name}) cannot be used: {reason}")
    if problems:
        problems.append("Stop the other program, or choose another --port-base. Nothing has been started.")
        raise PortError("\n".join(problems))


def free_port(taken: set[int]) -> int:
    """A free port for an internal listener. `taken`: ports to avoid. Raises `PortError`.

    It is below the range of outgoing connections. Otherwise, while the process restarts, a region that calls it could get
    this port as its own and connect to itself.
    """
    candidates = range(10000, _first_ephemeral_port())
    for port in random.sample(candidates, min(_FREE_PORT_ATTEMPTS, len(candidates))):
        if port not in taken and _why_not(port) is None:
            return port
    raise PortError(f"no free port found between {candidates.start} and {candidates.stop - 1} on {HOST}")


def _why_not(port: int) -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the servers do: a lingering connection of an earlier run does not block the port, a listener does.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError as error:
            return "another program listens on it" if error.errno == errno.EADDRINUSE else (error.strerror or "refused")
    return None


def _first_ephemeral_port() -> int:
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("ascii").split()[0])
    except (OSError, ValueError, IndexError):
        # Not Linux: the start of IANA's range, which macOS uses.
        return 49152
