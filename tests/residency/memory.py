"""Searching a process's memory and a folder's files for a canary in every form in which it might rest there."""

import base64
import gzip
import re
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path

CHUNK_BYTES = 16 * 1024 * 1024


def forms(canary: bytes) -> dict[str, bytes]:
    """Raw, UTF-16, hex, base64 at each of its three alignments, and compressed."""
    found = {
        "raw": canary,
        "utf-16": canary.decode().encode("utf-16-le"),
        "hex": canary.hex().encode(),
        "HEX": canary.hex().upper().encode(),
    }
    for shift in range(3):
        # What precedes the canary shifts its base64; only whole groups of it are the same in every context.
        encoded = base64.b64encode(b"\0" * shift + canary)
        whole = encoded[4 if shift else 0 : len(encoded) - 4]
        found[f"base64+{shift}"] = whole
        found[f"base64url+{shift}"] = whole.replace(b"+", b"-").replace(b"/", b"_")
    for level in (1, 6, 9):
        # Without header and checksum: the same inside zlib, gzip and raw deflate.
        found[f"deflate-{level}"] = zlib.compress(canary, level)[2:-4]
    return found


def in_memory(pid: int, needles: dict[str, bytes]) -> list[str]:
    """The forms found in the readable memory of a running process (Linux)."""
    overlap = max(len(needle) for needle in needles.values())
    found: set[str] = set()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for start, end in _readable_regions(pid):
            tail, position = b"", start
            while position < end:
                memory.seek(position)
                try:
                    part = memory.read(min(CHUNK_BYTES, end - position))
                except OSError:
                    break
                if not part:
                    break
                window = tail + part
                found |= {form for form, needle in needles.items() if needle in window}
                tail = window[-overlap:]
                position += len(part)
    return sorted(found)


def _readable_regions(pid: int) -> Iterator[tuple[int, int]]:
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        span, permissions, *_ = line.split()
        if permissions.startswith("r") and "[vvar" not in line and "[vsyscall" not in line:
            start, end = span.split("-")
            yield int(start, 16), int(end, 16)


def in_files(folder: Path, needles: dict[str, bytes]) -> list[str]:
    """`file: form` for each form found in a file below the folder, compressed streams and database cells included."""
    found = []
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = file.read_bytes()
        for content in (data, *_decompressed(data), *_database_cells(file)):
            found += [f"{file.relative_to(folder)}: {form}" for form, needle in needles.items() if needle in content]
    return found


def _decompressed(data: bytes) -> Iterator[bytes]:
    for match in re.finditer(rb"\x1f\x8b\x08", data):
        try:
            yield gzip.decompress(data[match.start() :])
        except (OSError, EOFError, zlib.error):
            continue
    for match in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", data):
        try:
            yield zlib.decompressobj().decompress(data[match.start() :])
        except zlib.error:
            continue


def _database_cells(file: Path) -> Iterator[bytes]:
    """A cell that spans pages is not contiguous in the file, so cells are read as such."""
    if file.suffix != ".db":
        return
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                for cell in row:
                    if isinstance(cell, bytes | str):
                        yield cell if isinstance(cell, bytes) else cell.encode()
    finally:
        connection.close()
