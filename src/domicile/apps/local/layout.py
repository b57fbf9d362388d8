"""The file layout of the data folder of `domicile up`."""

import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

CONTROL = "control"

# A Unix socket's path may have about 100 bytes, and the engine adds a folder with its own socket beside this path.
SOCKET_PATH_BYTES_MAX = 80


class LayoutError(Exception):
    """A folder cannot be used. The text says which, and what to do."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The folder given with `--data`. Each plane has a subfolder with its name for all its files."""

    root: Path

    @property
    def configuration(self) -> Path:
        """The effective configuration, which the processes read."""
        return self.root / "domicile.toml"

    @property
    def endpoints(self) -> Path:
        """URLs and key files. The file exists only while everything is ready."""
        return self.root / "endpoints.json"

    @property
    def admin_key(self) -> Path:
        """The first organization's first admin key."""
        return self.plane(CONTROL) / "admin-key"

    @property
    def operator_key(self) -> Path:
        """The key of the operator API."""
        return self.plane(CONTROL) / "operator-key"

    def plane(self, name: str) -> Path:
        """The folder of a plane. `name`: `control` or a region's code."""
        return self.root / name

    def log(self, plane: str, process: str) -> Path:
        """The log file with a process's standard output and error."""
        return self.plane(plane) / "logs" / f"{process}.log"

    def enrollment_token(self, code: str) -> Path:
        """The region's enrollment token. The file exists only until the region is enrolled."""
        return self.plane(code) / "enrollment-token"

    def make(self, planes: list[str]) -> None:
        """Make the folders with mode 0700. Raises `LayoutError`."""
        for folder in (self.root, *(self.plane(name) for name in planes)):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise LayoutError(
                    f"cannot make the folder {folder}: {error.strerror}. Choose another --data."
                ) from None

    def socket(self, code: str) -> Path:
        """The socket of a region's engine process, in a temporary folder if the data folder's path is too long."""
        inside = self.plane(code) / "engine.sock"
        if len(os.fsencode(inside)) <= SOCKET_PATH_BYTES_MAX:
            return inside
        return self._short_folder() / f"{code}-engine.sock"

    def _short_folder(self) -> Path:
        # The same name at each start, so that a killed run leaves at most one folder, which the next run reuses.
        mark = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"domicile-{os.getuid()}-{mark}"

    def make_socket_folder(self, socket: Path) -> None:
        """Make the folder of a socket. Raises `LayoutError` if another user owns it or can enter it."""
        folder = socket.parent
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        is_private = stat.S_ISDIR(found.st_mode) and not stat.S_IMODE(found.st_mode) & 0o077
        if found.st_uid != os.getuid() or not (is_private or folder != self._short_folder()):
            raise LayoutError(
                f"{folder} belongs to another user or is open to others, so it cannot contain an engine's socket. "
                "Remove it, or choose a shorter --data."
            )

    def remove_socket_folder(self) -> None:
        """Remove the temporary folder for sockets, if it exists and has nothing but sockets."""
        folder = self._short_folder()
        for left in folder.glob("*.sock") if folder.is_dir() else ():
            left.unlink(missing_ok=True)
        try:
            folder.rmdir()
        except OSError:
            # The folder does not exist, or still contains an engine's folder. The next start reuses it.
            return
