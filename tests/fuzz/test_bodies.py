"""Damaged bodies on every POST path of every listener."""

from collections import Counter
from collections.abc import Iterator

import httpx2
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz.answers import check_answer
from tests.fuzz.endpoints import POSTS, Endpoint, Targets
from tests.fuzz.mutation import CANARY, bodies
from tests.fuzz.wire import Wire, request
from tests.platform.installation import Installation
from tests.residency.memory import forms, in_files

QUICK = 40
LONG = 4000

MEDIA_TYPES = [b"application/json"] * 6 + [b"application/json; charset=utf-16", b"text/plain", b"", b"a+json", b"\xff"]


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


def attack(endpoint: Endpoint, targets: Targets, count: int) -> Counter[int]:
    """How often each status was answered. Fails on the first answer that breaks a rule, or that does not come."""
    seen: Counter[int] = Counter()
    wire = Wire(targets.port(endpoint.listener))
    target = targets.path(endpoint).encode()
    bearer = b"Bearer " + targets.secret(endpoint).encode()

    @settings(
        max_examples=count,
        deadline=None,
        derandomize=count <= QUICK,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(bodies(endpoint.valid_body), st.sampled_from(MEDIA_TYPES), st.booleans())
    def attempt(body: bytes, media_type: bytes, chunked: bool) -> None:
        headers = [(b"host", b"localhost"), (b"authorization", bearer), (b"content-type", media_type)]
        answer = wire.exchange(request(b"POST", target, headers, body, chunked=chunked))
        check_answer(answer.status, answer.headers, answer.body)
        seen[answer.status] += 1

    try:
        attempt()
    finally:
        wire.close()
    return seen


@pytest.mark.parametrize("endpoint", POSTS, ids=str)
def test_a_damaged_body(endpoint: Endpoint, targets: Targets) -> None:
    seen = attack(endpoint, targets, QUICK)
    assert endpoint.ignores_its_body or any(status >= 400 for status in seen), seen


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("endpoint", POSTS, ids=str)
def test_many_damaged_bodies(endpoint: Endpoint, targets: Targets) -> None:
    attack(endpoint, targets, LONG)
