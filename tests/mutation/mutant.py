"""A rule that is switched off, and the tests that must notice."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.source import SOURCE

_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class Place:
    """Where a mutant's code stands: characters `start` to `end` of a file below the source folder."""

    file: str
    start: int
    end: int


@dataclass(frozen=True)
class Mutant:
    """`before` stands exactly once in `where`; with `after` in its place one of `tests` must fail.

    `where`: a function's qualified name (`Projects.create`) in any module, or the path of a module for code outside functions.
    White space between the words of `before` does not count. So neither a move nor the formatter breaks a mutant.
    """

    contract: str
    rule: str
    where: str
    before: str
    after: str
    tests: str

    def places(self) -> list[Place]:
        """Every place that fits. There must be one."""
        code = re.compile(r"\s*".join(re.escape(token) for token in _TOKEN.findall(self.before)))
        return [
            Place(file, start + found.start(), start + found.end())
            for file, start, text in _texts(self.where)
            for found in code.finditer(text)
        ]

    def apply(self, folder: Path) -> None:
        """Switches the rule off in a copy of the source folder."""
        (place,) = self.places()
        file = folder / place.file
        text = file.read_text("utf-8")
        leading = self.before[: len(self.before) - len(self.before.lstrip())]
        trailing = self.before[len(self.before.rstrip()) :]
        after = self.after.removeprefix(leading).removesuffix(trailing)
        file.write_text(text[: place.start] + after + text[place.end :])


def _texts(where: str) -> Iterator[tuple[str, int, str]]:
    """(file, position, source text) of each function of that name, or of the one module."""
    if where.endswith(".py"):
        yield where, 0, (SOURCE / where).read_text("utf-8")
        return
    for file in sorted(SOURCE.rglob("*.py")):
        text = file.read_text("utf-8")
        if where.rpartition(".")[2] not in text:
            continue
        lines = [0, *(found.end() for found in re.finditer("\n", text))]
        for name, node in _functions(ast.parse(text), ""):
            if name == where:
                start = lines[node.lineno - 1]
                yield file.relative_to(SOURCE).as_posix(), start, text[start : lines[node.end_lineno or 0]]


def _functions(tree: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{prefix}{node.name}", node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _functions(node, f"{prefix}{node.name}.")
