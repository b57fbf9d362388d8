"""A rule that is switched off, and who must notice."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """`before` stands exactly once in `file`; with `after` in its place one of `tests` must fail."""

    contract: str
    rule: str
    file: str
    before: str
    after: str
    tests: str
