"""The source tree as the architecture tests read it."""

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"
ROOT = SOURCE.parent


def modules(folder: Path = SOURCE) -> Iterator[tuple[str, ast.Module]]:
    """Every module below the folder, as (path relative to it, syntax tree)."""
    for file in sorted(folder.rglob("*.py")):
        yield file.relative_to(folder).as_posix(), ast.parse(file.read_text("utf-8"))
