"""Requests with hostile methods, targets and headers, and bodies framed wrongly, as many as are wanted."""

from collections import Counter
from collections.abc import Sequence

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz.answers import check_answer
from tests.fuzz.endpoints import ENDPOINTS, Targets
from tests.fuzz.mutation import CANARY
from tests.fuzz.wire import Wire, request

# So few are the same in every run.
QUICK = 150

METHODS = [
    *([b"GET", b"POST", b"DELETE"] * 6),
    *(b"HEAD", b"PUT", b"PATCH", b"OPTIONS", b"TRACE", b"PROPFIND", b"CONNECT", b"get", b"X", b"\xff"),
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


def attack(listener: str, targets: Targets, count: int) -> Counter[int]:
    """How often each status was answered."""
    seen: Counter[int] = Counter()
    wire = Wire(targets.port(listener))
    right, operator = (targets.key.secret if listener == "region" else targets.admin_key), targets.operator_key
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
        st.sampled_from(["right"] * 5 + [targets.key.secret, targets.admin_key]),
        st.one_of(st.none(), st.just(b"{}"), st.binary(max_size=100)),
        st.booleans(),
    )
    def attempt(
        method: bytes,
        target: bytes,
        headers: Sequence[tuple[bytes, bytes]],
        secret: str,
        body: bytes | None,
        chunked: bool,
    ) -> None:
        if secret == "right":
            secret = operator if b"/operator/" in target else right
        whole = [(b"authorization", b"Bearer " + secret.encode()), *headers, (b"connection", b"close")]
        data = request(method, target, whole, body, chunked=chunked)
        answer = wire.exchange_alone(data, to_head=method == b"HEAD")
        if answer is not None:
            check_answer(answer.status, answer.headers, answer.body, headless=method == b"HEAD")
            seen[answer.status] += 1

    attempt()
    return seen
