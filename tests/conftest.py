"""What every test folder shares: tests that start whole installations run one after the other, in one worker."""

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two installations at once on two cores would make each other's deadlines meaningless."""
    for item in items:
        folder = Path(item.path).relative_to(Path(__file__).parent).parts[0]
        if folder in _ONE_WORKER:
            item.add_marker(pytest.mark.xdist_group("installations"))
