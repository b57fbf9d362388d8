"""What every test folder shares: which tests run in one worker, one after the other, and their order."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests.platform.postgresql import PostgresServer, running_server

_TOGETHER = (
    # It watches an installation of its own.
    ("tests/e2e/test_confinement.py", "recorded installation"),
    ("tests/fuzz/test_on_postgresql.py", "postgresql"),
    # Two installations at once on two cores would make each other's deadlines meaningless.
    *((f"tests/{folder}/", "installations") for folder in ("residency", "e2e", "fuzz", "chaos")),
    ("tests/contract/database/", "postgresql"),
    ("tests/contract/engine/", "engine"),
    ("tests/training/", "minilm"),
    ("tests/unit/domicile_engines/endpoints/embeddings/", "minilm"),
    ("tests/unit/domicile_engines/endpoints/moderations/", "minilm"),
)
"""Tests that share what is slow to start, by the beginning of their path. One worker runs all of a name."""


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    """One PostgreSQL server for all tests of a worker; each makes databases of its own in it."""
    with running_server() as server:
        yield server


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--shuffle SEED`: files in random order, and the tests of each file too. What a test leaves behind is then seen."""
    parser.addoption("--shuffle", type=int, metavar="SEED", help="run files, and each file's tests, in random order")


def pytest_report_header(config: pytest.Config) -> list[str]:
    seed = config.getoption("--shuffle")
    return [] if seed is None else [f"shuffled with seed {seed}"]


class TogetherScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Gives a worker all tests of a group or a file, those with the most tests first.

    Our own: xdist 3.8 has marks for groups, and pytest 9 ignores them.
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((group for path, group in _TOGETHER if nodeid.startswith(path)), nodeid.partition("::")[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> TogetherScheduling:
    """Called where there are several workers."""
    return TogetherScheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Shuffle if asked to."""
    seed = config.getoption("--shuffle")
    if seed is not None:
        # File by file all the same: a file's own installation is started once.
        chance = random.Random(seed)
        place = {path: chance.random() for path in sorted({str(item.path) for item in items})}
        within = {item: 0.0 if item.get_closest_marker("in_order") else chance.random() for item in items}
        items.sort(key=lambda item: (place[str(item.path)], str(item.path), within[item]))
