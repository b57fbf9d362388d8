"""Files that only this user can read, each written whole or not at all."""

import os
from pathlib import Path

from domicile.kernel.ids import random_base62


def make_folder(folder: Path) -> None:
    """Makes the folder with mode 0700, or sets this mode on an existing one."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def write_secret(file: Path, content: bytes) -> None:
    """Replaces the file in one step, mode 0600, and makes it durable: a crash leaves the old content or the new."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{random_base62(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(file)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
