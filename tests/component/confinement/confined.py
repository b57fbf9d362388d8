"""Run a few lines in a process of their own, behind a wall, and see what became of them."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ENGINE = (
    "from pathlib import Path; from domicile.confinement.profiles import confine_to_unix_sockets as confine\n"
    "confine([Path({folder!r})])"
)
DECODER = "from domicile.confinement.profiles import confine_decoder; confine_decoder(64 * 1024 * 1024)"


def run(
    *lines: str, before: str = "", wall: str = ENGINE, folder: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`before` runs outside of the wall, `lines` behind it."""
    code = "\n".join([before, wall.format(folder=str(folder)), *lines])
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60, env=environment
    )


def is_refused(*lines: str, before: str = "", wall: str = ENGINE, folder: Path) -> bool:
    """Whether the lines end in a PermissionError. The exit status tells it, since a decoder cannot even write."""
    caught = ["try:", *(f"    {line}" for line in lines), "except PermissionError:", "    os._exit(3)", "os._exit(0)"]
    outcome = run(*caught, before=f"import os\n{before}", wall=wall, folder=folder)
    assert outcome.returncode in {0, 3}, outcome.stderr
    return outcome.returncode == 3
