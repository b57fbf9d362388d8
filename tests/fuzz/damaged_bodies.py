"""Damaged bodies on one POST path, as many as are wanted."""

from collections import Counter

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz.answers import check_answer
from tests.fuzz.endpoints import Endpoint, Targets
from tests.fuzz.mutation import bodies
from tests.fuzz.wire import Wire, request

# So few are the same in every run.
QUICK = 25
MEDIA_TYPES = [b"application/json"] * 6 + [b"application/json; charset=utf-16", b"text/plain", b"", b"a+json", b"\xff"]


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
