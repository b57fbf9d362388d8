"""The inspector of a region: `python -m domicile.apps.inspector`, started by the region, one socket as its standard input.

It reads what strangers send as recordings, with FFmpeg, so that a fault in a decoder ends this process and not the region. It
has no network from its first import on, and when the first recording comes it can open nothing at all (`confinement.walls`).
"""

import argparse
import os
import signal
import socket
import sys
from pathlib import Path

from domicile.confinement.seccomp import ConfinementError
from domicile.confinement.surroundings import move_into
from domicile.confinement.walls import confine_decoder, confine_to_unix_sockets
from domicile.process.core_dumps import forbid_core_dumps


def main() -> None:
    """Answer until the region closes the socket."""
    parser = argparse.ArgumentParser(prog="python -m domicile.apps.inspector", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the region's folder")
    options = parser.parse_args()
    os.umask(0o077)
    forbid_core_dumps()
    # A service manager signals the whole group: the region answers what it has begun, and then closes the socket.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        region = socket.socket(fileno=os.dup(0))
    except OSError:
        sys.exit("domicile inspector: its standard input must be a socket: a region starts this program by itself")
    try:
        confine_to_unix_sockets([move_into(options.data, "inspector")])
        # Behind the first wall, since libraries run code when they are imported.
        from domicile.media.inspecting import serve, warm_up
        from domicile.media.inspection import MEMORY_BYTES_MAX

        warm_up()
        confine_decoder(MEMORY_BYTES_MAX)
    except (ConfinementError, OSError) as error:
        sys.exit(f"domicile inspector: it is not started without its walls (docs/security.md): {error}")
    serve(region)
    # Without the interpreter's tidying up: it would open and write what is refused here.
    os._exit(0)


if __name__ == "__main__":
    main()
