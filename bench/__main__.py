"""What the platform adds to a chat request, what TLS costs, what `domicile up` does, and what
grows with keys, usage and bodies, what sealing costs a file, what batches do, and what Scale Tier keeps. Loopback only; a
quarter of an hour.

    make bench            prints the figures

They are kept in docs/performance.md, by hand, with the machine they were taken on.
"""

import os
import sys
import tempfile
from pathlib import Path

from bench.batches import batches
from bench.cost_of_up import cost_of_up
from bench.files import large_files
from bench.growth import growth
from bench.latency import added_latency
from bench.limits import cost_of_limits
from bench.processor_time import processor_time
from bench.scale_tier import scale_tier
from bench.tls_cost import cost_of_tls
from domicile.web.observability.logging import configure_logging


def main() -> None:
    """All of it."""
    # A line for each request would be half of what is measured, and all that is seen.
    configure_logging("warning")
    load = os.getloadavg()[0]
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, load {load:.1f} before it began")
    with tempfile.TemporaryDirectory(prefix="domicile-bench-") as folder:
        added_latency(Path(folder) / "latency")
        processor_time(Path(folder) / "processor")
        cost_of_limits()
        cost_of_tls(Path(folder) / "tls")
        (Path(folder) / "cost").mkdir()
        cost_of_up(Path(folder) / "cost")
        (Path(folder) / "growth").mkdir()
        growth(Path(folder) / "growth")
        large_files(Path(folder) / "files")
        batches(Path(folder) / "batches")
        scale_tier(Path(folder) / "scale")


if __name__ == "__main__":
    main()
