"""The environment that libraries read: no telemetry, no downloads, and all their folders inside the plane's folder.

Libraries read these variables when they are imported. `domicile.apps` switches telemetry off before any module of a process;
each process then moves into its folder as soon as it knows it.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

_SWITCHES = {
    # onnxruntime's official wheels start an uploader when they are imported.
    "ORT_DISABLE_TELEMETRY": "1",
    # faster-whisper brings huggingface_hub, which downloads models by their names.
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_OFFLINE": "1",
    # A convention that future libraries may follow.
    "DO_NOT_TRACK": "1",
}
_FOLDERS = {
    "HOME": ".",
    "TMPDIR": "tmp",
    "XDG_CACHE_HOME": ".cache",
    "XDG_CONFIG_HOME": ".config",
    "XDG_DATA_HOME": ".local/share",
    "XDG_STATE_HOME": ".local/state",
    "XDG_RUNTIME_DIR": "tmp",
    "HF_HOME": ".cache/huggingface",
    "MPLCONFIGDIR": ".config/matplotlib",
    "NUMBA_CACHE_DIR": ".cache/numba",
}
"""By variable, the folder below the process's own. Libraries prefer specific variables to HOME, so these are set as well."""
# Clients of object stores take credentials, endpoints and tokens from these where the program gives them none.
_CLOUDS = ("AWS_", "AZURE_", "GOOGLE_")
# The variables that an interpreter and its libraries need to start. Others may hold keys of engines. Without HOME the
# interpreter would look it up through a socket.
_NEEDED_TO_START = (
    "HOME",
    "TMPDIR",
    "PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "LD_LIBRARY_PATH",
    "VIRTUAL_ENV",
    "PYTHONPATH",
)


def switch_off_telemetry() -> None:
    """Set every library's switch, for this process and its children."""
    os.environ.update(_SWITCHES)


def forget_other_routes() -> None:
    """Remove proxies and cloud accounts from this process's environment: only the configuration says where it connects."""
    for name in list(os.environ):
        if name.upper().endswith("_PROXY") or name.startswith(_CLOUDS):
            del os.environ[name]


def move_into(data: Path, process: str) -> Path:
    """Make `data/home/PROCESS`, mode 0700, and point home, cache and temporary folders there. Return it.

    `data` is the plane's folder. Raises OSError when it does not exist, or a folder cannot be made.
    """
    home = (data / "home" / process).absolute()
    for folder in (home.parent, home, home / _FOLDERS["TMPDIR"]):
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
    os.environ.update({name: os.path.normpath(home / below) for name, below in _FOLDERS.items()})
    # The module remembers the folder that it has read once: make it read again.
    tempfile.tempdir = None
    return home


def environment_of_child() -> Mapping[str, str]:
    """The variables for a child process without secrets: those that an interpreter needs, and the switches."""
    return {name: os.environ[name] for name in _NEEDED_TO_START if name in os.environ} | _SWITCHES
