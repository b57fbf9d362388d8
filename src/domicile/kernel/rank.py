"""The order of requests at an engine."""

from enum import IntEnum


class Rank(IntEnum):
    """A waiting request with a lower number goes first: in the queue, and at a preemptive engine, whose default is 0 (vLLM)."""

    SCALE = -1
    """Covered by capacity that its project has bought."""
    DEFAULT = 0
    BATCH = 1
    """A line of a batch."""
