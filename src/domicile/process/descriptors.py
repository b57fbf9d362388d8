"""How many files and connections a process may have open, and who gets how many of them.

A flood of connections to a public listener must leave descriptors for the operator's listener, the engines, the control link
and the databases: so each listener has a bound, and the public one's is made from what the process may open.
"""

import contextlib
import resource

OPERATOR_CONNECTIONS = 64
CONTROL_LINK_CONNECTIONS = 1024
"""Regions poll over one connection each; a replica of a region has a few."""
_CONNECTIONS_MAX = 16_384
_CONNECTIONS_MIN = 64
# For everything but the public listener: at least so many, or a quarter of all.
_RESERVE = 512
# Some systems call no number a limit. Libraries that walk over all descriptors walk over so many.
_DESCRIPTORS_MAX = 1_048_576


def raise_descriptor_limit() -> None:
    """Raises the soft limit to the hard one. A system that does not allow it keeps what it has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS_MAX if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS_MAX)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def connections_of_a_listener() -> int:
    """How many connections the public listener may have, by the soft limit of now.

    Each may take two descriptors: after a refusal a second one, through which the rest of its body is dropped.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _CONNECTIONS_MAX
    left = soft - max(_RESERVE, soft // 4)
    return max(_CONNECTIONS_MIN, min(_CONNECTIONS_MAX, left // 2))
