"""What every test folder shares: tests that start whole installations run one after the other, in one worker."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.platform.postgresql import PostgresServer, running_server

_ONE_WORKER = {"residency", "e2e", "fuzz"}


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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Two installations at once on two cores would make each other's deadlines meaningless."""
    for item in items:
        folder = Path(item.path).relative_to(Path(__file__).parent).parts[0]
        if folder in _ONE_WORKER:
            item.add_marker(pytest.mark.xdist_group("installations"))
    seed = config.getoption("--shuffle")
    if seed is not None:
        # File by file all the same: a file's own installation is started once.
        chance = random.Random(seed)
        place = {path: chance.random() for path in sorted({str(item.path) for item in items})}
        within = {item: 0.0 if item.get_closest_marker("in_order") else chance.random() for item in items}
        items.sort(key=lambda item: (place[str(item.path)], str(item.path), within[item]))
