"""No memory on disk: a core dump of a process that holds content is content at rest, wherever the system puts it."""

import resource


def forbid_core_dumps() -> None:
    """For this process and what it starts. A kernel that pipes dumps to a program heeds no limit: the operator's to switch off
    (docs/running-in-production.md)."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
