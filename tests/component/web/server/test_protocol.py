"""The server's protocol, spoken to over raw sockets on both event loops (design 4.1)."""

import asyncio
import errno
import inspect
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from openai import AsyncOpenAI, AuthenticationError, OpenAI
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from domicile.kernel import errors
from domicile.web.error_rendering import RenderedError
from domicile.web.server import lingering
from domicile.web.server.protocol import MAX_HEADER_BYTES, MAX_HEADER_COUNT, MAX_PIPELINED
from domicile.web.server.receive_buffer import ReceiveBuffer
from tests.component.web.live_server import CUT_OFF, LiveServer, RawAnswer, RecordingApplication, live_server
from tests.platform.certificates import Issuer

HELLO = b"GET /hello?say=%s HTTP/1.1\r\nHost: h\r\n\r\n"
REFUSED_KEY = b"Authorization: Bearer elsewhere\r\n"
LARGE_BODY: Any = [{"role": "user", "content": "x" * 5_000_000}]
TIMES = 5
POST_REFUSED = b"POST /echo HTTP/1.1\r\nHost: h\r\n" + REFUSED_KEY


class Gate:
    """Refuses one key, as a region does another region's, and remembers each head that it saw."""

    def __init__(self) -> None:
        self.heads: list[list[tuple[bytes, bytes]]] = []

    def __call__(self, scope: Scope) -> None:
        self.heads.append(list(scope["headers"]))
        if (b"authorization", b"Bearer elsewhere") in scope["headers"]:
            raise errors.incorrect_hostname("eu.example.com:8443")


@dataclass
class Servers:
    """Servers that outlive a test: starting one for each would take most of the time."""

    plain: LiveServer
    gated: LiveServer
    hasty: LiveServer
    """Gives a head a tenth of a second."""
    brisk: LiveServer
    """Gives it half a second, and notes in `refused_at` when that is over."""
    narrow: LiveServer
    """Has room for two connections."""
    application: ASGIApp | None = None
    gate: Gate = field(default_factory=Gate)
    refused_at: list[float] = field(default_factory=list)


@pytest.fixture(scope="module", params=["asyncio", "uvloop", "asyncio-tls", "uvloop-tls"])
def all_servers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """In clear and over TLS: whatever a client may do to one, the other stands it too."""
    known: list[Servers] = []
    loop, _, tls = request.param.partition("-")
    issuer = Issuer(tmp_path_factory.mktemp("tls")) if tls else None

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        assert known[0].application is not None
        await known[0].application(scope, receive, send)

    def gate(scope: Scope) -> None:
        known[0].gate(scope)

    def refused(_answer: RenderedError) -> None:
        known[0].refused_at.append(time.monotonic())

    with ExitStack() as stack:
        plain, gated, hasty, brisk, narrow = (
            stack.enter_context(live_server(application, loop, issuer, **options))
            for options in (
                {},
                {"head_gate": gate},
                {"head_timeout_s": 0.1},
                {"head_timeout_s": 0.5, "on_refusal": refused},
                {"max_connections": 2},
            )
        )
        known.append(Servers(plain, gated, hasty, brisk, narrow))
        yield known[0]


@pytest.fixture
def recording() -> RecordingApplication:
    return RecordingApplication()


@pytest.fixture
def servers(all_servers: Servers, recording: RecordingApplication) -> Servers:
    all_servers.application, all_servers.gate = recording.asgi, Gate()
    return all_servers


def asynchronous_client(server: LiveServer) -> AsyncOpenAI:
    http = httpx2.AsyncClient(verify=server.verify)
    return AsyncOpenAI(api_key="elsewhere", base_url=f"{server.url}/v1", max_retries=0, http_client=http)


def error_of(answer: RawAnswer) -> dict[str, Any]:
    envelope = json.loads(answer.body)
    assert list(envelope) == ["error"]
    error: dict[str, Any] = envelope["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


def assert_refused(answer: RawAnswer, status: int, code: str | None) -> None:
    assert answer.status == status
    assert error_of(answer)["code"] == code
    assert answer.headers["connection"] == "close"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"].startswith("req_")
    assert answer.headers["date"].endswith(" GMT")


class TestLimits:
    def test_a_head_within_the_limits_passes(self, servers: Servers) -> None:
        fields = b"".join(b"X-%d: y\r\n" % number for number in range(MAX_HEADER_COUNT - 2))
        padding = b"X-Long: " + b"a" * (MAX_HEADER_BYTES - len(fields) - 2000)
        with servers.plain.connect() as connection:
            connection.send(b"GET /hello HTTP/1.1\r\nHost: h\r\n" + fields + padding + b"\r\n\r\n")
            assert connection.answer().status == 200

    @pytest.mark.parametrize(
        "head",
        [
            pytest.param(
                b"GET /hello HTTP/1.1\r\nHost: h\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(101)),
                id="fields",
            ),
            pytest.param(b"GET /hello HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 65 * 1024 + b"\r\n", id="one-value"),
            pytest.param(b"GET /hello HTTP/1.1\r\nHost: h\r\n" + (b"X: " + b"a" * 1000 + b"\r\n") * 66, id="sum"),
            pytest.param(b"GET /" + b"a" * 65 * 1024 + b" HTTP/1.1\r\nHost: h\r\n", id="url"),
        ],
    )
    def test_a_head_beyond_them_is_431(self, servers: Servers, recording: RecordingApplication, head: bytes) -> None:
        with servers.plain.connect() as connection:
            connection.send(head + b"\r\n")
            assert_refused(connection.answer(), 431, "headers_too_large")
            assert connection.rest() == b""
        assert recording.seen == []

    def test_a_value_without_end_is_431_before_it_ends(self, servers: Servers) -> None:
        with servers.plain.connect() as connection:
            connection.send(b"GET /hello HTTP/1.1\r\nHost: h\r\nX: ")
            for _ in range(16):
                connection.send(b"a" * 64 * 1024)
            assert_refused(connection.answer(), 431, "headers_too_large")

    def test_a_trailer_without_end_is_refused_too(self, servers: Servers) -> None:
        with servers.plain.connect() as connection:
            connection.send(b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX: ")
            for _ in range(16):
                connection.send(b"a" * 64 * 1024)
            assert_refused(connection.answer(), 431, "headers_too_large")

    def test_a_trailer_is_no_header(self, servers: Servers, recording: RecordingApplication) -> None:
        with servers.plain.connect() as connection:
            connection.send(
                b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nOpenAI-Project: p\r\n\r\n"
            )
            assert connection.answer().status == 200
        assert recording.bodies == [b"hi"]
        assert all("openai-project" not in headers for headers in recording.headers)


class TestMalformed:
    @pytest.mark.parametrize(
        "sent",
        [
            pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="tls"),
            pytest.param(b"HELO mail\r\n\r\n", id="method"),
            pytest.param(b"GET /hello HTTP/9.9\r\n\r\n", id="version"),
            pytest.param(b"GET /hello HTTP/1.1\r\nHost: h\r\nX : y\r\n\r\n", id="blank-before-colon"),
            pytest.param(b"GET /hello HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", id="folded"),
            pytest.param(b"GET /hello HTTP/1.1\r\nHost: h\r\nX: \x00\r\n\r\n", id="nul"),
            pytest.param(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n", id="length"),
            pytest.param(
                b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", id="two-lengths"
            ),
            pytest.param(
                b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /hello",
                id="cl-te",
            ),
            pytest.param(
                b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\nGET /hello",
                id="te-cl",
            ),
            pytest.param(
                b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", id="te-other"
            ),
            pytest.param(b"CONNECT example.com:443 HTTP/1.1\r\nHost: h\r\n\r\n", id="connect"),
            pytest.param(
                b"CONNECT h HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", id="connect-upgrade"
            ),
            pytest.param(b"GET /hello HTTP/1.1\r\n" + b"\r\n", id="no-host"),
            pytest.param(
                b"GET /hello HTTP/1.1\r\n" + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", id="no-host-upgrade"
            ),
            pytest.param(b"GET /hello HTTP/1.1\r\nHost: h\r\nhost: h\r\n\r\n", id="two-hosts"),
            pytest.param(b"GET /hello HTTP/1.0\r\nHost: h\r\nHost: i\r\n\r\n", id="two-hosts-1.0"),
            pytest.param(b"GET /hello HTTP/2.0\r\nHost: h\r\n\r\n", id="version-2.0"),
            pytest.param(b"GET /hello HTTP/0.9\r\nHost: h\r\n\r\n", id="version-0.9"),
            pytest.param(b"GET /hello HTTP/1.2\r\nHost: h\r\n\r\n", id="version-1.2"),
            pytest.param(b"GET /hello HTTP/3.0\r\nHost: h\r\n\r\n", id="version-3.0"),
            pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="http2-preface"),
            pytest.param(b"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", id="te-1.0"),
        ],
    )
    def test_it_is_400_in_the_envelope_and_reaches_nobody(
        self, servers: Servers, recording: RecordingApplication, sent: bytes
    ) -> None:
        with servers.plain.connect() as connection:
            connection.send(sent)
            assert_refused(connection.answer(), 400, None)
            assert connection.rest() == b""
        with servers.plain.connect() as later:
            # Whatever the refused request had started would have run by now.
            later.send(HELLO % b"later")
            assert later.answer().status == 200
        assert recording.seen == ["hello"]

    def test_a_chunk_that_is_none_takes_the_place_of_the_answer(
        self, servers: Servers, recording: RecordingApplication
    ) -> None:
        with servers.plain.connect() as connection:
            connection.send(
                b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nnonsense\r\n"
            )
            assert_refused(connection.answer(), 400, None)
            assert connection.rest() == b""
        assert recording.bodies == []


class TestVersionOneDotZero:
    def test_it_needs_no_host_and_ends_the_connection(self, servers: Servers) -> None:
        with servers.plain.connect() as connection:
            connection.send(b"GET /hello?say=old HTTP/1.0\r\n\r\n")
            answer = connection.answer()
            assert (answer.status, answer.headers["connection"]) == (200, "close")
            assert connection.rest() == b""

    def test_it_is_sent_no_chunks(self, servers: Servers) -> None:
        with servers.plain.connect() as connection:
            connection.send(b"GET /pieces HTTP/1.0\r\n\r\n")
            head, _, body = connection.rest().partition(b"\r\n\r\n")
        assert b"transfer-encoding" not in head.lower()
        assert body == b"onetwo"


JAVA = (
    b"POST /echo HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\n%sHost: localhost:8080\r\n"
    b"HTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAABgAGAAA\r\nUpgrade: h2c\r\n"
    b"User-Agent: Java-http-client/17.0.18\r\n\r\n%s"
)
"""What Java's default client sends: the length or the encoding stands between the other headers."""
OFFERS = {
    "length": JAVA % (b"Content-Length: 5\r\n", b"hello"),
    "chunked": JAVA % (b"Transfer-encoding: chunked\r\n", b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"),
    "trailer": JAVA % (b"Transfer-encoding: chunked\r\n", b"5\r\nhello\r\n0\r\nX: y\r\n\r\n"),
    "websocket": b"POST /echo HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Content-Length: 5\r\n\r\nhello",
}


class TestUpgradeOffers:
    """Ignored, as RFC 9110 7.8 allows: the request is served over HTTP/1.1 with its body."""

    @pytest.mark.parametrize("offer", OFFERS)
    def test_the_body_is_read(self, servers: Servers, recording: RecordingApplication, offer: str) -> None:
        with servers.gated.connect() as connection:
            connection.send(OFFERS[offer] + OFFERS[offer] + HELLO % b"third")
            for _ in range(2):
                answer = connection.answer()
                assert (answer.status, json.loads(answer.body)) == (200, {"length": 5})
                assert "upgrade" not in answer.headers
            assert json.loads(connection.answer().body) == {"said": "third"}
        assert recording.bodies == [b"hello", b"hello"]
        assert len(servers.gate.heads) == 3

    @pytest.mark.parametrize("offer", ["length", "chunked"])
    def test_wherever_it_is_split(self, servers: Servers, recording: RecordingApplication, offer: str) -> None:
        sent = OFFERS[offer]
        with servers.plain.connect() as connection:
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for place in range(1, len(sent)):
                connection.send(sent[:place])
                connection.send(sent[place:])
                assert json.loads(connection.answer().body) == {"length": 5}
        assert set(recording.bodies) == {b"hello"}

    @pytest.mark.parametrize("method", [b"GET", b"DELETE", b"OPTIONS"])
    def test_without_a_body_on_any_method(self, servers: Servers, method: bytes) -> None:
        offer = b"Host: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n"
        with servers.plain.connect() as connection:
            connection.send(method + b" /hello HTTP/1.1\r\n" + offer + HELLO % b"next")
            assert connection.answer().status == (200 if method == b"GET" else 405)
            assert json.loads(connection.answer().body) == {"said": "next"}

    def test_the_gate_judges_it_and_what_follows_is_not_parsed(
        self, servers: Servers, recording: RecordingApplication
    ) -> None:
        with servers.gated.connect() as connection:
            connection.send(OFFERS["length"].replace(b"User-Agent: Java-http-client/17.0.18\r\n", REFUSED_KEY))
            assert connection.answer().status == 401
            assert connection.rest() == b""
        assert recording.seen == []

    @pytest.mark.skipif(shutil.which("curl") is None, reason="the offers above are those of curl, byte for byte")
    def test_curl_is_served(self, servers: Servers) -> None:
        issuer = servers.plain.issuer
        trust = [] if issuer is None else ["--cacert", str(issuer.ca_file)]
        command = ["curl", "--silent", "--http2", *trust, "--data", "hello", "--max-time", "30"]
        done = subprocess.run([*command, f"{servers.plain.url}/echo"], capture_output=True, check=True)
        assert json.loads(done.stdout) == {"length": 5}


class TestUnreadBodies:
    """An answer that leaves a body unread reaches a client that is still sending, though the connection ends."""

    @pytest.mark.parametrize(
        ("target", "headers", "status"),
        [
            pytest.param(b"/echo", b"", 413, id="too-large"),
            pytest.param(b"/json", b"Content-Type: text/plain\r\n", 415, id="media-type"),
            pytest.param(b"/nothing", b"", 404, id="url"),
            pytest.param(b"/hello", b"", 405, id="method"),
            pytest.param(b"/early", b"", 200, id="early"),
            pytest.param(b"/echo", REFUSED_KEY, 401, id="key"),
            pytest.param(b"/echo", b"Expect: 100-continue\r\n", 413, id="expect"),
        ],
    )
    @pytest.mark.parametrize("close", [b"Connection: close\r\n", b""], ids=["close", "keep-alive"])
    def test_it_is_read_whole(self, servers: Servers, target: bytes, headers: bytes, status: int, close: bytes) -> None:
        body = b"x" * 5_000_000
        for _ in range(TIMES):
            with servers.gated.connect() as connection:
                connection.send(
                    b"POST %s HTTP/1.1\r\nHost: h\r\n%s%sContent-Length: %d\r\n\r\n"
                    % (target, headers, close, len(body))
                )
                sender = threading.Thread(target=connection.send_beneath, args=(body,))
                if servers.gated.issuer is None:
                    sender.start()
                answer = connection.answer()
                assert (answer.status, answer.headers["connection"]) == (status, "close")
                assert connection.rest() == b""
                if servers.gated.issuer is None:
                    sender.join(10)
                    assert not sender.is_alive()

    def test_a_body_that_was_read_keeps_the_connection(self, servers: Servers) -> None:
        with servers.plain.connect() as connection:
            for _ in range(2):
                connection.send(b"POST /nothing HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi")
                answer = connection.answer()
                assert (answer.status, answer.headers.get("connection")) == (404, None)


class TestDescriptors:
    def test_a_connection_too_many_is_turned_away_and_the_others_are_served(self, servers: Servers) -> None:
        with ExitStack() as stack:
            kept = [stack.enter_context(servers.narrow.connect()) for _ in range(2)]
            for connection in kept:
                connection.send(HELLO % b"in")
                assert connection.answer().status == 200
            if servers.narrow.issuer is None:
                with servers.narrow.connect() as another:
                    refused = another.answer()
                    assert_refused(refused, 503, "service_unavailable")
                    assert refused.headers["retry-after"] == "1"
            else:
                with pytest.raises((*CUT_OFF, ssl.SSLError)):
                    servers.narrow.connect()
            for connection in kept:
                connection.send(HELLO % b"still")
                assert connection.answer().status == 200
            kept[0].socket.close()
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                with suppress(*CUT_OFF, ssl.SSLError), servers.narrow.connect() as next_one:
                    next_one.send(HELLO % b"now")
                    if next_one.answer().status == 200:
                        return
            pytest.fail("the place of a closed connection is not given on")

    def test_a_refusal_without_a_descriptor_left_ends_the_connection(
        self, servers: Servers, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def no_more(_descriptor: int) -> int:
            raise OSError(errno.EMFILE, "too many open files")

        with servers.gated.connect() as connection:
            monkeypatch.setattr("domicile.web.server.discard.os.dup", no_more)
            connection.send(POST_REFUSED + b"Content-Length: 5000\r\n\r\n")
            with suppress(*CUT_OFF):
                connection.rest()
            monkeypatch.undo()
            deadline = time.monotonic() + 10
            with pytest.raises(CUT_OFF):
                while time.monotonic() < deadline:
                    connection.send_beneath(b"x" * 1000)


class TestConnections:
    def test_one_connection_serves_many_requests(self, servers: Servers) -> None:
        with servers.plain.connect() as connection:
            for word in (b"one", b"two", b"three"):
                connection.send(HELLO % word)
                assert json.loads(connection.answer().body) == {"said": word.decode()}

    def test_connection_close_is_honoured(self, servers: Servers) -> None:
        with servers.plain.connect() as connection:
            connection.send(b"GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" + HELLO % b"never")
            assert connection.answer().headers["connection"] == "close"
            assert connection.rest() == b""

    def test_pipelined_requests_are_answered_in_order(self, servers: Servers, recording: RecordingApplication) -> None:
        server = servers.plain
        with server.connect() as connection:
            connection.send(b"GET /held HTTP/1.1\r\nHost: h\r\n\r\n" + HELLO % b"second" + HELLO % b"third")
            assert recording.held.wait(5)
            assert recording.seen == ["held"]
            server.call(recording.release.set)
            assert json.loads(connection.answer().body) == {"held": True}
            assert json.loads(connection.answer().body) == {"said": "second"}
            assert json.loads(connection.answer().body) == {"said": "third"}

    def test_so_many_may_be_pipelined_and_no_more(self, servers: Servers, recording: RecordingApplication) -> None:
        """Twelve megabytes of small requests once took 600 of memory, from one connection, and nobody needs a key for that."""
        server = servers.plain
        with server.connect() as connection:
            connection.send(b"GET /held HTTP/1.1\r\nHost: h\r\n\r\n" + HELLO % b"next" * 1000)
            assert recording.held.wait(5)
            server.call(recording.release.set)
            assert json.loads(connection.answer().body) == {"held": True}
            for _ in range(MAX_PIPELINED):
                assert json.loads(connection.answer().body) == {"said": "next"}
            assert_refused(connection.answer(), 503, "service_unavailable")
            assert connection.rest() == b""

    def test_a_request_in_single_bytes_is_understood(self, servers: Servers) -> None:
        with servers.plain.connect() as connection:
            for byte in b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi":
                connection.send(bytes([byte]))
            assert json.loads(connection.answer().body) == {"length": 2}

    def test_what_is_pipelined_and_malformed_is_refused_after_the_answer_before_it(
        self, servers: Servers, recording: RecordingApplication
    ) -> None:
        server = servers.plain
        with server.connect() as connection:
            connection.send(b"GET /held HTTP/1.1\r\nHost: h\r\n\r\n" + HELLO % b"second" + b"nonsense\r\n\r\n")
            assert recording.held.wait(5)
            server.call(recording.release.set)
            assert json.loads(connection.answer().body) == {"held": True}
            assert json.loads(connection.answer().body) == {"said": "second"}
            assert_refused(connection.answer(), 400, None)
            assert connection.rest() == b""

    def test_a_pipelined_body_that_is_malformed_never_runs(
        self, servers: Servers, recording: RecordingApplication
    ) -> None:
        server = servers.plain
        with server.connect() as connection:
            connection.send(
                b"GET /held HTTP/1.1\r\nHost: h\r\n\r\n"
                b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n"
            )
            assert recording.held.wait(5)
            server.call(recording.release.set)
            assert json.loads(connection.answer().body) == {"held": True}
            assert_refused(connection.answer(), 400, None)
        assert recording.seen == ["held"]

    def test_a_stream_learns_that_its_client_left_though_more_was_pipelined(
        self, servers: Servers, recording: RecordingApplication
    ) -> None:
        with servers.plain.connect() as connection:
            connection.send(b"GET /endless HTTP/1.1\r\nHost: h\r\n\r\n" + HELLO % b"more")
            assert recording.held.wait(5)
        assert recording.left.wait(5)


class TestDeadlines:
    @pytest.mark.parametrize("sent", [b"", b"GET /hel", b"GET /hello HTTP/1.1\r\nHost: h\r\nX: y\r\n"])
    def test_a_head_that_does_not_end_is_408_and_closed(self, servers: Servers, sent: bytes) -> None:
        with servers.hasty.connect() as connection:
            connection.send(sent)
            assert_refused(connection.answer(), 408, "request_timeout")
            assert connection.rest() == b""

    def test_a_head_is_not_late_while_nobody_reads_it(self, servers: Servers, recording: RecordingApplication) -> None:
        """With a request waiting its turn nothing is read, and the rest of the next head lies in the kernel's buffer."""
        server, third = servers.brisk, HELLO % b"third"
        with server.connect() as connection:
            connection.send(b"GET /held HTTP/1.1\r\nHost: h\r\n\r\n" + HELLO % b"second" + third[:-9])
            assert recording.held.wait(5)
            connection.send(third[-9:])
            # By the server's own clock, after the time of the third head.
            server.call(server.loop.call_later, 0.75, recording.release.set)
            assert json.loads(connection.answer().body) == {"held": True}
            assert json.loads(connection.answer().body) == {"said": "second"}
            assert json.loads(connection.answer().body) == {"said": "third"}

    def test_once_it_is_read_again_a_head_has_its_whole_time_and_no_more(
        self, servers: Servers, recording: RecordingApplication
    ) -> None:
        server, released_at = servers.brisk, []

        def release() -> None:
            released_at.append(time.monotonic())
            recording.release.set()

        with server.connect() as connection:
            connection.send(b"GET /held HTTP/1.1\r\nHost: h\r\n\r\n" + HELLO % b"second" + b"GET /hel")
            assert recording.held.wait(5)
            server.call(server.loop.call_later, 0.75, release)
            assert json.loads(connection.answer().body) == {"held": True}
            assert json.loads(connection.answer().body) == {"said": "second"}
            assert_refused(connection.answer(), 408, "request_timeout")
        # A timer of an event loop may be a few milliseconds early.
        assert servers.refused_at[-1] - released_at[0] > 0.48

    def test_dripping_does_not_prolong_it(self, servers: Servers) -> None:
        with servers.hasty.connect() as connection:
            connection.send(b"GET /hello HTTP/1.1\r\nHost: h\r\n")
            began = time.monotonic()
            connection.socket.settimeout(0.05)
            while time.monotonic() < began + 5:
                try:
                    connection.send(b"X: y\r\n")
                    if connection._receive():
                        break
                except TimeoutError:
                    continue
            connection.socket.settimeout(5)
            assert_refused(connection.answer(), 408, "request_timeout")
            assert time.monotonic() - began < 25

    def test_half_a_head_behind_an_answer_is_closed_too(
        self, servers: Servers, recording: RecordingApplication
    ) -> None:
        server = servers.hasty
        with server.connect() as connection:
            connection.send(b"GET /held HTTP/1.1\r\nHost: h\r\n\r\nGET /hel")
            assert recording.held.wait(5)
            # The deadline of the second head passes while the first is being answered: nothing but time tells of it.
            time.sleep(0.2)
            server.call(recording.release.set)
            assert json.loads(connection.answer().body) == {"held": True}
            assert_refused(connection.answer(), 408, "request_timeout")
            assert connection.rest() == b""

    def test_a_body_that_is_still_to_come_after_its_answer_is_not_waited_for_for_ever(self, servers: Servers) -> None:
        with servers.hasty.connect() as connection:
            connection.send(b"POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n")
            assert connection.answer().status == 200
            connection.send(b"some")
            # Closed with the body half read, so perhaps by a reset; what matters is that it ends.
            with suppress(*CUT_OFF):
                assert connection.rest() == b""

    def test_a_whole_head_is_not_timed(self, servers: Servers, recording: RecordingApplication) -> None:
        server = servers.hasty
        with server.connect() as connection:
            connection.send(b"GET /held HTTP/1.1\r\nHost: h\r\n\r\n")
            assert recording.held.wait(5)
            # Longer than the deadline of a head, which must not run any more: there is nothing else to wait for.
            time.sleep(0.2)
            server.call(recording.release.set)
            assert connection.answer().status == 200


class TestGate:
    def test_the_answer_comes_whole_and_the_connection_ends(
        self, servers: Servers, recording: RecordingApplication
    ) -> None:
        with servers.gated.connect() as connection:
            connection.send(POST_REFUSED + b"Content-Length: 5000000\r\n\r\n")
            answer = connection.answer()
            assert answer.status == 401
            assert answer.headers["connection"] == "close"
            assert error_of(answer)["code"] == "incorrect_hostname"
            assert error_of(answer)["message"].endswith("eu.example.com:8443")
            assert connection.rest() == b""
        assert recording.seen == []

    def test_body_bytes_sent_with_the_head_reach_nobody(
        self, servers: Servers, recording: RecordingApplication
    ) -> None:
        smuggled = b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi"
        with servers.gated.connect() as connection:
            connection.send(POST_REFUSED + b"Content-Length: %d\r\n\r\n" % len(smuggled) + smuggled + smuggled)
            assert connection.answer().status == 401
            connection.send(smuggled)
            assert connection.rest() == b""
        assert len(servers.gate.heads) == 1
        assert recording.seen == []

    def test_what_follows_a_refused_head_is_never_read(self, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
        reads: list[int] = []
        lend = ReceiveBuffer.lend

        def counted(buffer: ReceiveBuffer, size: int, take: Callable[[memoryview], None]) -> None:
            reads.append(size)
            lend(buffer, size, take)

        monkeypatch.setattr(ReceiveBuffer, "lend", counted)
        with servers.gated.connect() as connection:
            connection.send(POST_REFUSED + b"Content-Length: 5000000\r\n\r\n")
            assert connection.answer().status == 401
            assert connection.rest() == b""
            # All of it is taken from the kernel, or this would wait for ever.
            connection.send_beneath(b"x" * 5_000_000)
        assert len(reads) == 1

    def test_a_head_that_the_gate_lets_pass_is_served(self, servers: Servers) -> None:
        with servers.gated.connect() as connection:
            connection.send(HELLO % b"a" + HELLO % b"b")
            assert connection.answer().status == 200
            assert connection.answer().status == 200
        assert len(servers.gate.heads) == 2

    def test_the_gate_is_asked_once_the_head_is_whole(self, servers: Servers) -> None:
        with servers.gated.connect() as connection:
            connection.send(POST_REFUSED)
            connection.send(b"Content-Length: 3\r\n\r\n")
            assert connection.answer().status == 401
        assert [name for name, _ in servers.gate.heads[0]] == [b"host", b"authorization", b"content-length"]

    def test_a_second_request_on_a_connection_is_gated(self, servers: Servers, recording: RecordingApplication) -> None:
        with servers.gated.connect() as connection:
            connection.send(HELLO % b"a")
            assert connection.answer().status == 200
            connection.send(POST_REFUSED + b"Content-Length: 3\r\n\r\nabc")
            assert connection.answer().status == 401
            assert connection.rest() == b""
        assert recording.seen == ["hello"]

    def test_a_refused_head_behind_an_unfinished_answer_is_refused_in_its_turn(
        self, servers: Servers, recording: RecordingApplication
    ) -> None:
        server = servers.gated
        with server.connect() as connection:
            connection.send(
                b"GET /held HTTP/1.1\r\nHost: h\r\n\r\n"
                + POST_REFUSED
                + b"Content-Length: 3\r\n\r\nabc"
                + HELLO % b"never"
            )
            assert recording.held.wait(5)
            server.call(recording.release.set)
            assert json.loads(connection.answer().body) == {"held": True}
            refused = connection.answer()
            assert refused.status == 401
            assert error_of(refused)["code"] == "incorrect_hostname"
            assert connection.rest() == b""
        assert recording.seen == ["held"]

    def test_the_answer_to_head_has_no_body(self, servers: Servers) -> None:
        with servers.gated.connect() as connection:
            connection.send(b"HEAD /hello HTTP/1.1\r\nHost: h\r\n" + REFUSED_KEY + b"\r\n")
            assert connection.answer(to_head=True).status == 401
            assert connection.rest() == b""

    def test_a_client_that_sends_on_for_ever_is_cut_off(
        self, servers: Servers, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lingering, "LINGER_S", 0.3)
        with servers.gated.connect() as connection:
            connection.send(POST_REFUSED + b"Content-Length: 500000000\r\n\r\n")
            assert connection.answer().status == 401
            began = time.monotonic()
            with pytest.raises(CUT_OFF):
                while time.monotonic() < began + 5:
                    connection.send(b"x" * 10_000)

    def test_a_client_that_never_closes_is_cut_off(self, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(lingering, "LINGER_IDLE_S", 0.1)
        server = servers.gated
        with server.connect() as connection:
            connection.send(POST_REFUSED + b"Content-Length: 10\r\n\r\n")
            assert connection.answer().status == 401
            assert connection.rest() == b""
            with pytest.raises(CUT_OFF):
                for _ in range(25):
                    # The client's own pace: it is silent for longer than it may be.
                    time.sleep(0.2)
                    connection.send_beneath(b"x")


class TestOfficialClients:
    """A client that is still sending its body reads the refusal, and no connection error."""

    def test_the_blocking_client_reads_the_refusal(self, servers: Servers) -> None:
        server = servers.gated
        for _ in range(TIMES):
            http = httpx2.Client(verify=server.verify)
            with OpenAI(api_key="elsewhere", base_url=f"{server.url}/v1", max_retries=0, http_client=http) as client:
                with pytest.raises(AuthenticationError, match=r"request to eu\.example\.com:8443") as caught:
                    client.chat.completions.create(model="m", messages=LARGE_BODY)
                assert caught.value.code == "incorrect_hostname"

    def test_the_asynchronous_client_reads_the_refusal(self, servers: Servers) -> None:
        server = servers.gated

        async def post() -> None:
            async with asynchronous_client(server) as client:
                for _ in range(TIMES):
                    with pytest.raises(AuthenticationError, match=r"request to eu\.example\.com:8443") as caught:
                        await client.chat.completions.create(model="m", messages=LARGE_BODY)
                    assert caught.value.code == "incorrect_hostname"

        asyncio.run(post())

    def test_many_at_once_read_it(self, servers: Servers) -> None:
        server = servers.gated

        async def post() -> None:
            async with asynchronous_client(server) as client:
                outcomes = await asyncio.gather(
                    *(client.chat.completions.create(model="m", messages=LARGE_BODY) for _ in range(8)),
                    return_exceptions=True,
                )
                assert [type(outcome) for outcome in outcomes] == [AuthenticationError] * 8

        asyncio.run(post())


def test_what_is_used_of_uvicorn_s_private_names_is_what_uvicorn_uses() -> None:
    """A release that renames one would leave our rule without effect, and without an error."""
    assert callable(HttpToolsProtocol._unset_keepalive_if_required)
    # Both ways in which a request begins are seen, so that `_in_flight` is right.
    for begins in (HttpToolsProtocol.on_headers_complete, HttpToolsProtocol.on_response_complete):
        assert "self._start_asgi_task(" in inspect.getsource(begins)
    for reads in (HttpToolsProtocol.on_headers_complete, HttpToolsProtocol.on_body):
        assert "self.flow.pause_reading()" in inspect.getsource(reads)
    assert "read_paused" in inspect.getsource(FlowControl.pause_reading)
