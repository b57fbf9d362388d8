"""A region on a machine whose clock is wrong: the real process, given another clock than the system's.

python -m tests.platform.region_with_wrong_clock --config FILE --region CODE --ahead-s SECONDS
"""

import argparse
from pathlib import Path

import uvloop

from domicile.apps.region.process import run
from domicile.kernel.clock import SystemClock
from domicile.settings.load import load_installation
from domicile.web.observability.logging import configure_logging


class WrongClock:
    """The system's, so many seconds ahead."""

    def __init__(self, ahead_s: int) -> None:
        self._ahead_ms = ahead_s * 1000

    def now_ms(self) -> int:
        return SystemClock().now_ms() + self._ahead_ms


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--region", required=True)
    parser.add_argument("--ahead-s", type=int, required=True)
    parser.add_argument("--log-level", default="info")
    arguments = parser.parse_args()
    configure_logging(arguments.log_level)
    clock = WrongClock(arguments.ahead_s)
    uvloop.run(run(load_installation(arguments.config), arguments.region, machine_clock=clock))
