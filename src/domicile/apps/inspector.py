"""The inspector of a region: `python -m domicile.apps.inspector`, started by the region with a socket as standard input.

It reads untrusted recordings with FFmpeg, so a fault in a decoder ends this process and not the region. It has no network from
its first library import on. Before the first recording it loses the right to open any file or socket (`confinement.profiles`).
"""

import argparse
import os
import signal
import socket
import sys
from pathlib import Path

from domicile.confinement.profiles import confine_decoder, confine_to_unix_sockets
from domicile.confinement.seccomp import ConfinementError
from domicile.confinement.surroundings import move_into
from domicile.process.core_dumps import forbid_core_dumps


def main() -> None:
    """Confine the process, then answer until the region closes the socket."""
    parser = argparse.ArgumentParser(prog="python -m domicile.apps.inspector", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the region's folder")
    options = parser.parse_args()
    os.umask(0o077)
    forbid_core_dumps()
    # A service manager signals the whole process group. Ignore it: the region finishes its requests, then closes the socket.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        region = socket.socket(fileno=os.dup(0))
    except OSError:
        sys.exit("domicile inspector: its standard input must be a socket; only a region can start this program")
    try:
        confine_to_unix_sockets([move_into(options.data, "inspector")])
        # Imported after the first confinement, because libraries run code when they are imported.
        from domicile.media.inspecting import serve, warm_up
        from domicile.media.inspection import MEMORY_BYTES_MAX

        warm_up()
        confine_decoder(MEMORY_BYTES_MAX)
    except (ConfinementError, OSError) as error:
        sys.exit(f"domicile inspector: it does not start without confinement (docs/security.md): {error}")
    serve(region)
    # Skips the interpreter's cleanup, which would open and write files, and that is forbidden here.
    os._exit(0)


if __name__ == "__main__":
    main()
