"""Damaged bodies on every POST path of every listener."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.fuzz.damaged_bodies import QUICK, attack
from tests.fuzz.endpoints import POSTS, Endpoint, Targets
from tests.fuzz.mutation import CANARY
from tests.platform.installation import Installation
from tests.residency.memory import forms, in_files

LONG = 1500


@pytest.fixture(scope="module")
def targets(installation: Installation) -> Targets:
    return Targets.of(installation)


@pytest.fixture(autouse=True)
def alive_and_silent(installation: Installation) -> Iterator[None]:
    """After each test both servers answer, and no log holds anything of a body."""
    yield
    for url in (f"{installation.region_url('us')}/readyz", f"{installation.control_url}/healthz"):
        assert httpx2.get(url, timeout=10).status_code == 200
    assert in_files(installation.folder / "logs", forms(CANARY.encode())) == []


@pytest.mark.parametrize("endpoint", POSTS, ids=str)
def test_a_damaged_body(endpoint: Endpoint, targets: Targets) -> None:
    seen = attack(endpoint, targets, QUICK)
    assert not endpoint.takes_a_body or any(status >= 400 for status in seen), seen


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("endpoint", POSTS, ids=str)
def test_many_damaged_bodies(endpoint: Endpoint, targets: Targets) -> None:
    attack(endpoint, targets, LONG)
