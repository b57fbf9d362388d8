"""The ports of one `domicile up`: those that were asked for are free, or nothing is started."""

import errno
import random
import socket
from collections.abc import Mapping
from pathlib import Path

HOST = "127.0.0.1"
_PORT_MAX = 65535
_FREE_PORT_ATTEMPTS = 200


class PortError(Exception):
    """A port cannot be used. The text says which and what to do."""


def public_ports(port_base: int, codes: list[str]) -> dict[str, int]:
    """`control` on the port base, then the regions in the order of the configuration. Raises `PortError`."""
    if not 1 <= port_base <= _PORT_MAX - len(codes):
        raise PortError(
            f"--port-base must be between 1 and {_PORT_MAX - len(codes)}: one port for each region follows it"
        )
    return {name: port_base + offset for offset, name in enumerate(["control", *codes])}


def require_free(ports: Mapping[str, int]) -> None:
    """Raises `PortError` for all of the ports that cannot be listened on, in one message."""
    problems = []
    for name, port in ports.items():
        reason = _why_not(port)
        if reason is not None:
            problems.append(f"port {port} ({name}) cannot be used: {reason}")
    if problems:
        problems.append("Stop what uses it, or choose another --port-base. Nothing has been started.")
        raise PortError("\n".join(problems))


def free_port(taken: set[int]) -> int:
    """A port for a listener that nobody needs to know by heart.

    Below the range from which the system takes the ports of outgoing connections: a process that is restarted must
    find its port free again, and a region that calls it meanwhile must not be given that very port and call itself.
    """
    candidates = range(10000, _first_ephemeral_port())
    for port in random.sample(candidates, min(_FREE_PORT_ATTEMPTS, len(candidates))):
        if port not in taken and _why_not(port) is None:
            return port
    raise PortError(f"no free port found between {candidates.start} and {candidates.stop - 1} on {HOST}")


def _why_not(port: int) -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the servers do: a connection of an earlier run that lingers is no obstacle, a listening program is.
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
        # Where Linux's file is not: the start of IANA's range, which macOS uses too.
        return 49152
