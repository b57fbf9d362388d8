"""Secrets in files that only this user can read, each written whole or not at all."""

import os
import re
from pathlib import Path

from domicile.kernel.ids import random_base62

_OPERATOR_KEY = re.compile(r"opk-[0-9A-Za-z]{40}", re.ASCII)


class SecretFileError(Exception):
    """A file that should hold a secret holds something else."""


def make_folder(folder: Path) -> None:
    """A folder for this user only."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def write_secret(file: Path, content: bytes) -> None:
    """Replaces the file in one step and makes it durable, so that a crash leaves the old content or the new."""
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


def operator_key(file: Path) -> str:
    """The operator's key, made at the first start. Stored nowhere else, not even as a hash."""
    if not file.exists():
        write_secret(file, f"opk-{random_base62(40)}\n".encode())
    key = file.read_text("utf-8").strip()
    if _OPERATOR_KEY.fullmatch(key) is None:
        raise SecretFileError(f"{file} does not hold an operator key (opk- and 40 letters or digits)")
    return key
