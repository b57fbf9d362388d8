"""A region's real process that writes down every address it connects to, whoever in it does so.

python -m tests.platform.recorded_region CONNECTS_FILE [arguments of domicile.apps.region]
"""

import json
import os
import sys
from typing import Any

from domicile.apps.region.process import main

if __name__ == "__main__":
    connects = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def record(event: str, arguments: tuple[Any, ...]) -> None:
        if event in {"socket.connect", "socket.getaddrinfo", "socket.sendto"}:
            address = arguments[1] if event == "socket.connect" else arguments[:2]
            os.write(connects, json.dumps([event, address], default=str).encode() + b"\n")

    # Of the interpreter itself: no library can connect without it.
    sys.addaudithook(record)
    main()
