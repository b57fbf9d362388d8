"""What one check has found."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How bad it is. One `fail` makes the command fail."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the table. Nothing of it is a secret: keys are named by their files."""

    state: State
    where: str
    """`control`, a region's code, or `configuration`."""
    check: str
    found: str
    advice: str = ""


def ok(where: str, check: str, found: str) -> Finding:
    """As it should be."""
    return Finding(State.OK, where, check, found)


def warn(where: str, check: str, found: str, advice: str) -> Finding:
    """It works, and should not stay so."""
    return Finding(State.WARN, where, check, found, advice)


def fail(where: str, check: str, found: str, advice: str) -> Finding:
    """It does not work, or somebody could read what is not for them."""
    return Finding(State.FAIL, where, check, found, advice)
