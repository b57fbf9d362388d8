"""Where everything lies under the data folder of one `domicile up`."""

import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

CONTROL = "control"

# A Unix socket's path may have about 100 bytes, and the embedded engine puts one of its own into a folder beside it.
SOCKET_PATH_BYTES_MAX = 80


class LayoutError(Exception):
    """A folder cannot be used. The text says which, and what to do."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The folder given with `--data`. Everything of a plane lies under the folder with the plane's name."""

    root: Path

    @property
    def configuration(self) -> Path:
        """The configuration that the processes really read."""
        return self.root / "domicile.toml"

    @property
    def endpoints(self) -> Path:
        """Written when everything is ready, and there only while it is."""
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
        """`control`, or a region's code."""
        return self.root / name

    def log(self, plane: str, process: str) -> Path:
        """What a process wrote to its standard output and error."""
        return self.plane(plane) / "logs" / f"{process}.log"

    def enrollment_token(self, code: str) -> Path:
        """There only between the making of the token and the region's enrollment."""
        return self.plane(code) / "enrollment-token"

    def make(self, planes: list[str]) -> None:
        """Makes the folders, open to this user alone. Raises `LayoutError`."""
        for folder in (self.root, *(self.plane(name) for name in planes)):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise LayoutError(
                    f"cannot make the folder {folder}: {error.strerror}. Choose another --data."
                ) from None

    def socket(self, code: str) -> Path:
        """The socket of a region's engine process."""
        inside = self.plane(code) / "engine.sock"
        if len(os.fsencode(inside)) <= SOCKET_PATH_BYTES_MAX:
            return inside
        return self._short_folder() / f"{code}-engine.sock"

    def _short_folder(self) -> Path:
        # The same name at each start, so that what a killed run left behind is used again and not one more left over.
        mark = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"domicile-{os.getuid()}-{mark}"

    def make_socket_folder(self, socket: Path) -> None:
        """Makes the folder of a socket and proves that nobody else can enter it. Raises `LayoutError`."""
        folder = socket.parent
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        is_private = stat.S_ISDIR(found.st_mode) and not stat.S_IMODE(found.st_mode) & 0o077
        if found.st_uid != os.getuid() or not (is_private or folder != self._short_folder()):
            raise LayoutError(
                f"{folder} belongs to somebody else or is open to others, so no engine's socket can be put there. "
                "Remove it, or choose a shorter --data."
            )

    def remove_socket_folder(self) -> None:
        """Removes the folder for sockets outside the data folder, if there is one and the engines left it empty."""
        folder = self._short_folder()
        for left in folder.glob("*.sock") if folder.is_dir() else ():
            left.unlink(missing_ok=True)
        try:
            folder.rmdir()
        except OSError:
            # Not there, or an engine's own folder is still in it: the next start uses it again.
            return
