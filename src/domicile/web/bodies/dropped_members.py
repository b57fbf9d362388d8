"""Removes members from a parsed body that some clients send and no engine gets (decision 0022): a closed list of paths.

A path is like `messages[role=assistant].tool_calls[].index`: names, `[]` for each object of a list, and in the brackets
optionally a condition on the object. Callers are told the path without the condition.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

_STEP = re.compile(r"([a-z_]+)(\[(?:([a-z_]+)=([a-z_]+))?\])?")
_CONDITION = re.compile(r"\[[^\]]+\]")


@dataclass(frozen=True, slots=True)
class _Step:
    name: str
    is_list: bool
    condition: tuple[str, str] | None

    def objects(self, value: dict[str, Any]) -> Iterable[Any]:
        """The values to which this step leads from an object."""
        below = value.get(self.name)
        if not self.is_list:
            return (below,)
        if not isinstance(below, list):
            return ()
        if self.condition is None:
            return below
        member, wanted = self.condition
        return (each for each in below if isinstance(each, dict) and each.get(member) == wanted)


@dataclass(slots=True)
class _Node:
    dropped: dict[str, str] = field(default_factory=dict)
    """The members to remove from an object here, with the path that the caller is told."""
    below: dict[_Step, "_Node"] = field(default_factory=dict)


class DroppedMembers:
    """The dropped members of one endpoint."""

    def __init__(self, paths: Iterable[str]) -> None:
        """Raises ValueError for an invalid path."""
        self._root = _Node()
        for path in paths:
            *steps, last = [_step(part) for part in path.split(".")]
            if last.is_list:
                raise ValueError(f"'{path}' ends in a list")
            node = self._root
            for step in steps:
                node = node.below.setdefault(step, _Node())
            node.dropped[last.name] = _CONDITION.sub("[]", path)

    def take_out(self, value: Any) -> tuple[bool, frozenset[str]]:
        """Remove the members from parsed JSON. Returns whether there were any, and the paths of those that were not null."""
        found: dict[str, bool] = {}
        _take_out(self._root, value, found)
        return bool(found), frozenset(path for path, is_there in found.items() if is_there)


def _step(part: str) -> _Step:
    match = _STEP.fullmatch(part)
    if match is None:
        raise ValueError(f"'{part}' is no step of a path")
    return _Step(match[1], match[2] is not None, None if match[3] is None else (match[3], match[4]))


def _take_out(node: _Node, value: Any, found: dict[str, bool]) -> None:
    if not isinstance(value, dict):
        return
    for name, path in node.dropped.items():
        if name in value:
            found[path] = value.pop(name) is not None or found.get(path, False)
    for step, below in node.below.items():
        for each in step.objects(value):
            _take_out(below, each, found)
