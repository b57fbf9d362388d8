"""Limits of a process's open files and connections, and the share of each listener.

A flood of connections to the public listener must leave descriptors for the operator's listener, the engines, the control link
and the databases. So each listener has a bound; the public one's follows from the limit of the process.
"""

import contextlib
import resource

OPERATOR_CONNECTIONS = 64
CONTROL_LINK_CONNECTIONS = 1024
"""The bound of the boundary listener. Each replica of a region has a few connections, one of them for polls."""
_CONNECTIONS_MAX = 16_384
_CONNECTIONS_MIN = 64
# For everything but the public listener: at least this many, or a quarter of all.
_RESERVE = 512
# The most that is requested, also where the system sets no limit: some libraries loop over every possible descriptor.
_DESCRIPTORS_MAX = 1_048_576


def raise_descriptor_limit() -> None:
    """Raises the soft limit to the hard one. Where the system forbids that, the limit stays."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS_MAX if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS_MAX)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def connections_of_a_listener() -> int:
    """The maximum of connections to the public listener, by the present soft limit.

    Each connection may take two descriptors: after a refusal the second one discards the rest of the body.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _CONNECTIONS_MAX
    left = soft - max(_RESERVE, soft // 4)
    return max(_CONNECTIONS_MIN, min(_CONNECTIONS_MAX, left // 2))
