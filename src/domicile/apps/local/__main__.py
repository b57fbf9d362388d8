"""`python -m domicile.apps.local`: the program behind `domicile up`."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from domicile.apps.local.display import Display
from domicile.apps.local.processes import Programs
from domicile.apps.local.run import Options, run


def main() -> None:
    """Read the options, run `domicile up`, and exit with its status."""
    parser = argparse.ArgumentParser(prog="python -m domicile.apps.local", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(".domicile"), help="the folder for all data")
    parser.add_argument("--port-base", type=int, default=8700, help="the control plane's port; the regions' follow it")
    parser.add_argument("--config", type=Path, help="your own domicile.toml, instead of the built-in one")
    parser.add_argument(
        "--no-agreement", action="store_true", help="create the first organization without agreement and ZDR"
    )
    parser.add_argument("--log-level", default="info", choices=["debug", "info", "warning", "error"])
    arguments = parser.parse_args()
    os.umask(0o077)
    options = Options(
        arguments.data, arguments.port_base, arguments.config, arguments.no_agreement, arguments.log_level
    )
    sys.exit(asyncio.run(run(options, Programs(), Display())))


if __name__ == "__main__":
    main()
