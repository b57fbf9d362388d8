"""`domicile up` with stand-ins for the planes: `up_with_stand_ins.py DATA PORT_BASE [--config FILE] [--KIND-option ...]`."""

import argparse
import asyncio
import sys
from pathlib import Path

from domicile.apps.local.display import Display
from domicile.apps.local.processes import Programs
from domicile.apps.local.run import Options, run

_STAND_IN = str(Path(__file__).with_name("stand_in.py"))


def main() -> None:
    """Runs the supervisor's own code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("port_base", type=int)
    parser.add_argument("--config", type=Path)
    for kind in ("control", "region", "engine"):
        parser.add_argument(f"--{kind}", action="append", default=[], help="an option for this stand-in")
    options = parser.parse_args()
    stand_in, always = (sys.executable, _STAND_IN), ("--root", str(options.data))
    programs = Programs(
        control=(*stand_in, "control", *always, *options.control),
        region=(*stand_in, "region", *always, *options.region),
        engine=(*stand_in, "engine", *always, *options.engine),
    )
    sys.exit(asyncio.run(run(Options(options.data, options.port_base, options.config), programs, Display())))


if __name__ == "__main__":
    main()
