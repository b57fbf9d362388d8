"""Sends a file's bytes to a region, and fetches them, with a progress bar. Neither end is held in memory."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from domicile.cli.api import Api
from domicile.cli.failures import CommandError
from domicile.cli.output import note_console

_PIECE_BYTES = 256 * 1024


def upload(api: Api, file: Path, *, purpose: str, expires_after_s: int | None) -> dict[str, Any]:
    """Send a file as a form, and return the file object. Raises `CommandError` when it cannot be read."""
    fields = {"purpose": purpose}
    if expires_after_s is not None:
        fields |= {"expires_after[anchor]": "created_at", "expires_after[seconds]": str(expires_after_s)}
    boundary = secrets.token_hex(16)
    head = _form_head(fields, file.name, boundary)
    tail = f"\r\n--{boundary}--\r\n".encode("ascii")
    try:
        with file.open("rb") as source, _progress() as progress:
            size = os.fstat(source.fileno()).st_size
            task = progress.add_task(file.name, total=size)
            return api.send(
                "/files",
                _body(head, source, tail, progress, task),
                length=len(head) + size + len(tail),
                content_type=f"multipart/form-data; boundary={boundary}",
            )
    except OSError as error:
        raise CommandError(f"cannot read {file}: {error.strerror}") from None


def download(api: Api, file_id: str, target: Path) -> int:
    """Write a file's content to `target`, whole or not at all, and return its size. `target` must not exist.

    Raises `CommandError` when it exists or cannot be written.
    """
    if target.exists():
        raise CommandError(f"{target} exists: move it, or give another name")
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        try:
            _fetch(api, file_id, draft, target.name)
            os.link(draft, target)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise CommandError(f"cannot write {target}: {error.strerror}") from None
    return target.stat().st_size


def _fetch(api: Api, file_id: str, draft: Path, name: str) -> None:
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    content = api.content(f"/files/{file_id}/content")
    with os.fdopen(descriptor, "wb") as file, _progress() as progress, content as (length, pieces):
        task = progress.add_task(name, total=length)
        for piece in pieces:
            file.write(piece)
            progress.advance(task, len(piece))


def _form_head(fields: dict[str, str], name: str, boundary: str) -> bytes:
    """All of the form before the file's bytes. Quotes and line breaks of the name are written as browsers do."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
        for field, value in fields.items()
    ]
    escaped = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{escaped}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return "".join(parts).encode("utf-8")


def _body(head: bytes, source: BinaryIO, tail: bytes, progress: Progress, task: TaskID) -> Iterator[bytes]:
    yield head
    while piece := source.read(_PIECE_BYTES):
        yield piece
        progress.advance(task, len(piece))
    yield tail


def _progress() -> Progress:
    """A bar on standard error of a terminal; nothing elsewhere."""
    console = note_console()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn())
    return Progress(
        *columns, TransferSpeedColumn(), TimeRemainingColumn(), console=console, disable=not console.is_terminal
    )
