"""Forbids core dumps: the dump of a process with content would be content on disk, wherever the system puts it."""

import resource


def forbid_core_dumps() -> None:
    """Forbids core dumps of this process and its children.

    A kernel that pipes dumps to a program ignores the limit; the operator has to switch that off
    (docs/running-in-production.md).
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
