"""The result of one check."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How severe a finding is. One `fail` makes the command exit with status 1."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the table. It contains no secret: keys are named by their files."""

    state: State
    where: str
    """`control`, a region's code, or `configuration`."""
    check: str
    found: str
    advice: str = ""


def ok(where: str, check: str, found: str) -> Finding:
    """A finding without a fault."""
    return Finding(State.OK, where, check, found)


def warn(where: str, check: str, found: str, advice: str) -> Finding:
    """A fault that does not stop the installation, but should be mended."""
    return Finding(State.WARN, where, check, found, advice)


def fail(where: str, check: str, found: str, advice: str) -> Finding:
    """A fault that stops a part of the installation or exposes data."""
    return Finding(State.FAIL, where, check, found, advice)
