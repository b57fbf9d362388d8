"""How often a worker looks for what it has to do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Times in seconds, and one in milliseconds."""

    idle_s: float = 1.0
    """Between two looks for work, while there is none."""
    renew_s: float = 10.0
    """Between two renewals of a lease: a third of it."""
    endings_s: float = 0.5
    """Between two looks whether a batch with running lines was cancelled or has expired."""
    watch_s: float = 2.0
    """Between two looks for batches whose window is over, and for what killed workers have left."""
    retry_s: float = 1.0
    """Between two attempts to store or commit results."""
    put_off_ms: int = 30_000
    """For how long work waits that cannot be done now."""
