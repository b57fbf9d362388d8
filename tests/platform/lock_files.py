"""What a lock file pins on this machine."""

import re
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
_PINNED = re.compile(r"^([a-z0-9][^\\\n]*==[^\\\n]*)\\$", re.MULTILINE)


def pinned(lock: str) -> dict[str, str]:
    """The version of each package, by its canonical name; only what this Python on this system installs."""
    requirements = [Requirement(each.strip()) for each in _PINNED.findall((ROOT / lock).read_text("utf-8"))]
    return {
        canonicalize_name(each.name): next(iter(each.specifier)).version
        for each in requirements
        if each.marker is None or each.marker.evaluate()
    }
