"""Hostile methods, targets and headers, and bodies framed wrongly, on every listener."""

from collections.abc import Iterator

import httpx2
import pytest

from domicile.web.server.protocol import MAX_HEADER_BYTES, MAX_HEADER_COUNT
from tests.fuzz.answers import check_answer
from tests.fuzz.endpoints import ENDPOINTS, Endpoint, Targets
from tests.fuzz.hostile_requests import QUICK, attack
from tests.fuzz.mutation import CANARY
from tests.fuzz.wire import Wire, request
from tests.platform.installation import Installation
from tests.residency.memory import forms, in_files

LONG = 5_000

LISTENERS = ("region", "control", "boundary")


@pytest.fixture(scope="module")
def targets(installation: Installation) -> Targets:
    return Targets.of(installation)


@pytest.fixture(autouse=True)
def alive_and_silent(installation: Installation) -> Iterator[None]:
    """After each test both servers answer, and no log holds anything of a request."""
    yield
    for url in (f"{installation.region_url('us')}/readyz", f"{installation.control_url}/healthz"):
        assert httpx2.get(url, timeout=10).status_code == 200
    assert in_files(installation.folder / "logs", forms(CANARY.encode())) == []


@pytest.mark.parametrize("listener", LISTENERS)
def test_a_hostile_request(listener: str, targets: Targets) -> None:
    seen = attack(listener, targets, QUICK)
    print(seen)
    assert sum(seen.values()) > QUICK // 2, "most requests are whole, and must be answered"
    assert {400, 404} & seen.keys(), seen


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("listener", LISTENERS)
def test_many_hostile_requests(listener: str, targets: Targets) -> None:
    attack(listener, targets, LONG)


# The limits of a head, exactly ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("listener", LISTENERS)
def test_a_head_may_be_as_large_as_the_limit_and_no_larger(listener: str, targets: Targets) -> None:
    start = (b"GET", b"/healthz", [(b"host", b"localhost")])

    def status(extra: list[tuple[bytes, bytes]]) -> int:
        wire = Wire(targets.port(listener))
        method, target, headers = start
        answer = wire.exchange(request(method, target, [*headers, *extra], None))
        wire.close()
        check_answer(answer.status, answer.headers, answer.body)
        return answer.status

    fine = 404 if listener == "boundary" else 200
    counted = len(b"/healthz") + len(b"host") + len(b"localhost") + 4
    room = MAX_HEADER_BYTES - counted - len(b"a") - 4
    assert status([(b"a", b"b" * room)]) == fine
    assert status([(b"a", b"b" * (room + 1))]) == 431
    assert status([(b"a", b"b")] * (MAX_HEADER_COUNT - 1)) == fine
    assert status([(b"a", b"b")] * MAX_HEADER_COUNT) == 431


# Authentication ------------------------------------------------------------------------------------------------------

# A link to an image is its own key: `tests/component/data_plane/inference/test_images.py`.
PUBLIC = {"/healthz", "/readyz", "/v1/images/content/{image_id}"}


@pytest.mark.parametrize("endpoint", [each for each in ENDPOINTS if each.path not in PUBLIC], ids=str)
def test_nothing_is_served_without_the_right_key(endpoint: Endpoint, targets: Targets) -> None:
    wrong = {
        "none": None,
        "malformed": "x",
        "of nobody": targets.key.secret[:-8] + "AAAAAAAA",
        "another listener's": targets.admin_key if endpoint.listener == "region" else targets.key.secret,
        "an organization's": targets.admin_key if endpoint.path.startswith(("/operator", "/boundary")) else "x",
    }
    wire = Wire(targets.port(endpoint.listener))
    for method in endpoint.methods:
        for case, secret in wrong.items():
            headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
            if secret is not None:
                headers.append((b"authorization", b"Bearer " + secret.encode()))
            data = request(method.encode(), targets.path(endpoint).encode(), headers, b"{}")
            answer = wire.exchange(data, to_head=method == "HEAD")
            check_answer(answer.status, answer.headers, answer.body, headless=method == "HEAD")
            # The enrollment of a region has no key: its proof is the token in the body. The time is for anybody.
            expected = {400} if endpoint.path.endswith(("/enroll", "/time")) else {401, 403}
            assert answer.status in expected, (case, method, answer.status)
    wire.close()
