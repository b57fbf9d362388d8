"""What every test folder shares: tests that start whole installations run one after the other, in one worker."""

from pathlib import Path

import pytest

_ONE_WORKER = {"residency", "e2e", "fuzz"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two installations at once on two cores would make each other's deadlines meaningless."""
    for item in items:
        folder = Path(item.path).relative_to(Path(__file__).parent).parts[0]
        if folder in _ONE_WORKER:
            item.add_marker(pytest.mark.xdist_group("installations"))
