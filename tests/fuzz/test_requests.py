"""Hostile methods, targets and headers, and bodies framed wrongly, on every listener."""

from collections import Counter
from collections.abc import Iterator, Sequence

import httpx2
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from domicile.web.protocol import MAX_HEADER_BYTES, MAX_HEADER_COUNT
from tests.fuzz.answers import check_answer
from tests.fuzz.endpoints import ENDPOINTS, Endpoint, Targets
from tests.fuzz.mutation import CANARY
from tests.fuzz.wire import Wire, request
from tests.platform.installation import Installation
from tests.residency.memory import forms, in_files

QUICK = 120
LONG = 20_000

LISTENERS = ("region", "control", "boundary")
METHODS = [
    *([b"GET", b"POST", b"DELETE"] * 5),
    b"GET",
    b"POST",
    b"PUT",
    b"PATCH",
    b"DELETE",
    b"OPTIONS",
    b"TRACE",
    b"PROPFIND",
    b"HEAD",
    b"get",
    b"X",
    b"\xff",
]
PATHS = sorted({endpoint.path.encode() for endpoint in ENDPOINTS})
TARGETS = [
    *(
        b"*",
        b"",
        b"/",
        b"//",
        b"///v1//models",
        b"/../..",
        b"/v1/../v1/models",
        b"/v1/%2e%2e/models",
        b"/v1/models/%00",
    ),
    *(b"/v1/models/a%2fb", b"/v1/models/..%2f..%2fetc%2fpasswd", b"/v1/models/%ff%fe", b"/v1/models/%ed%a0%80", b"/%"),
    *(b"/v1/models/%zz", b"/v1/models/" + b"a" * 60_000, b"/" * 20_000, b"/v1/models?" + b"a=1&" * 10_000),
    *(b"http://other.example/v1/models", b"http://[::1/v1/models", b"http://127.0.0.1:1/v1/chat/completions"),
    *(b"https://user:pass@host/v1/models", b"localhost:443", b"/v1/models#x", b"/v1/models;x=1", b"/v1/models\\..\\x"),
    *(
        b"/v1/organization/projects/%00",
        b"/v1/organization/projects/" + CANARY.encode(),
        b"/v1/models/" + CANARY.encode(),
    ),
    *(b"/v1/organization/projects?limit=" + b"9" * 5000, b"/v1/organization/projects?after=%00", b"/v1/models/\xff"),
    *(b"/v1/organization/projects?limit=%D9%A1", b"/v1/organization/projects?after[]=1&after=2", b"/\x7f", b"/a b"),
    *(b"/v1/organization/audit_logs?event_types[]=%00", b"/v1/organization/audit_logs?effective_at[gt]=1e9"),
    *(b"/v1/organization/usage/completions?start_time=0&models[]=%00", b"/v1/organization/admin_api_keys/%00"),
    *(b"/operator/v1/organizations/%00", b"/operator/v1/regions/%00/enrollment_tokens", b"/boundary/v1/shards/%00"),
]
NAMES = [
    *(b"host", b"authorization", b"content-type", b"content-length", b"transfer-encoding", b"connection", b"upgrade"),
    *(b"expect", b"te", b"trailer", b"cookie", b"origin", b"x-request-id", b"openai-project", b"openai-organization"),
    *(
        b"domicile-region",
        b"domicile-replica",
        b"domicile-timestamp",
        b"domicile-signature",
        b"x-forwarded-for",
        b"range",
    ),
    *(
        b"access-control-request-method",
        b"access-control-request-headers",
        b"if-none-match",
        b"accept",
        b"a",
        b"a" * 300,
    ),
]
HEADER_VALUES = [
    *(
        b"",
        b" ",
        b"a",
        b"\xff\xfe",
        b"\t",
        b"a\x01b",
        b"0",
        b"-1",
        b"1",
        b"99999999999999999999",
        b"1, 1",
        b"+1",
        b"0x1",
    ),
    *(
        b"chunked",
        b"identity",
        b"gzip, chunked",
        b"chunked, chunked",
        b"close",
        b"keep-alive, close",
        b"upgrade",
        b"h2c",
    ),
    *(b"websocket", b"100-continue", b"Bearer", b"Bearer ", b"bearer x", b"Basic eDp5", b"Bearer sk-us-\xff", b"*/*"),
    *(b"Bearer sk-eu-" + b"a" * 60, b"Bearer " + b"a" * 9000, b"a" * 30_000, b"us", b"rep_" + b"a" * 24, b"9" * 5000),
    *(
        b"application/json",
        b"multipart/form-data",
        b"application/json;" + b"x" * 5000,
        CANARY.encode(),
        b"\xc3\xa9\r\n b",
    ),
]


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


def attack(listener: str, targets: Targets, count: int) -> Counter[int]:
    """How often each status was answered."""
    seen: Counter[int] = Counter()
    wire = Wire(targets.port(listener))
    secrets = [targets.key.secret, targets.admin_key, targets.operator_key]
    bearers = [b"Bearer " + secret.encode() for secret in secrets]
    paths = [path.decode().format_map(targets.ids).encode() for path in PATHS]
    header = st.tuples(st.sampled_from(NAMES), st.one_of(st.sampled_from(HEADER_VALUES), st.binary(max_size=30)))

    @settings(
        max_examples=count,
        deadline=None,
        derandomize=count <= QUICK,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.sampled_from(METHODS),
        st.one_of(st.sampled_from(TARGETS), st.sampled_from(paths)),
        st.lists(header, max_size=5),
        st.sampled_from(bearers),
        st.one_of(st.none(), st.just(b"{}"), st.binary(max_size=100)),
        st.booleans(),
    )
    def attempt(
        method: bytes,
        target: bytes,
        headers: Sequence[tuple[bytes, bytes]],
        bearer: bytes,
        body: bytes | None,
        chunked: bool,
    ) -> None:
        whole = [(b"authorization", bearer), *headers, (b"connection", b"close")]
        data = request(method, target, whole, body, chunked=chunked)
        answer = wire.exchange_alone(data, to_head=method == b"HEAD")
        if answer is not None:
            check_answer(answer.status, answer.headers, answer.body, headless=method == b"HEAD")
            seen[answer.status] += 1

    attempt()
    return seen


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

PUBLIC = {"/healthz", "/readyz"}


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
            # The enrollment of a region has no key: its proof is the token in the body.
            expected = {400} if endpoint.path.endswith("/enroll") else {401, 403}
            assert answer.status in expected, (case, method, answer.status)
    wire.close()
