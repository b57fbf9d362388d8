"""`domicile up` whose engines let a model go after a few seconds without a request: `up.py DATA PORT_BASE SECONDS`."""

import asyncio
import os
import sys
from pathlib import Path

from domicile.apps.local.display import Display
from domicile.apps.local.processes import Programs
from domicile.apps.local.run import Options, run

if __name__ == "__main__":
    data, port_base, seconds = sys.argv[1:]
    os.umask(0o077)
    engine = (*Programs().engine, "--idle-seconds", seconds)
    sys.exit(asyncio.run(run(Options(Path(data), int(port_base)), Programs(engine=engine), Display())))
