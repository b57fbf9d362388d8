"""Bodies within their bounds (design 4.2)."""

import asyncio
import codecs
import gzip
import json
import threading
from collections.abc import Iterator

import msgspec
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message

from domicile.process.off_loop import LARGE_BYTES
from domicile.web.application import Application, ClientDisconnectedError
from domicile.web.bodies import receiving
from domicile.web.bodies.form_stream import read_form
from domicile.web.bodies.json_body import QUICK_BYTES_MAX
from domicile.web.bodies.reading import json_response, read_json, read_json_by
from tests.component.web.live_server import LiveServer, RawAnswer, live_server

LIMIT = 1000


class Wish(msgspec.Struct, forbid_unknown_fields=True):
    """What the test's endpoint reads."""

    text: str = "nothing"


class SpokenWish(msgspec.Struct, forbid_unknown_fields=True):
    """A form of which the file comes after other members that are required."""

    model: str
    file: bytes
    words: list[str] | msgspec.UnsetType = msgspec.UNSET


class WishEndpoint:
    """Tells what it read, and what became of those who left."""

    def __init__(self) -> None:
        self.read: list[Wish] = []
        self.left = threading.Event()

    async def create(self, request: Request) -> Response:
        try:
            wish = await read_json(request, Wish, limit_bytes=LIMIT)
        except ClientDisconnectedError:
            self.left.set()
            raise
        self.read.append(wish)
        return json_response({"length": len(wish.text)}, status=201, headers={"x-wish": "granted"})

    async def speak(self, request: Request) -> Response:
        spoken = await read_form(
            request,
            SpokenWish,
            limit_bytes=LIMIT * 1000,
            file="file",
            file_limit_bytes=LIMIT,
            lists=frozenset({"words"}),
        )
        return json_response({"model": spoken.model, "length": len(spoken.file)})


@pytest.fixture
def endpoint() -> WishEndpoint:
    return WishEndpoint()


@pytest.fixture
def server(endpoint: WishEndpoint) -> Iterator[LiveServer]:
    routes = [
        Route("/wishes", endpoint.create, methods=["POST"]),
        Route("/spoken", endpoint.speak, methods=["POST"]),
    ]
    with live_server(Application(routes)) as server:
        yield server


def post(server: LiveServer, body: bytes, *headers: bytes, path: bytes = b"/wishes") -> RawAnswer:
    with server.connect() as connection:
        connection.send(
            b"POST " + path + b" HTTP/1.1\r\nHost: h\r\n" + b"".join(header + b"\r\n" for header in headers) + b"\r\n"
        )
        connection.send(body)
        return connection.answer()


def sized(body: bytes) -> bytes:
    return b"Content-Length: %d" % len(body)


def code_of(answer: RawAnswer) -> tuple[int, str]:
    return answer.status, json.loads(answer.body)["error"]["code"]


def test_a_body_of_exactly_the_limit_is_read_in_either_form(server: LiveServer, endpoint: WishEndpoint) -> None:
    body = b'{"text":"' + b"x" * (LIMIT - 11) + b'"}'
    assert len(body) == LIMIT
    answer = post(server, body, sized(body), b"Content-Type: application/json")
    assert (answer.status, json.loads(answer.body), answer.headers["x-wish"]) == (
        201,
        {"length": LIMIT - 11},
        "granted",
    )
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:])) + b"0\r\n\r\n"
    assert post(server, chunks, b"Transfer-Encoding: chunked", b"Content-Type: application/json").status == 201
    assert endpoint.read == [Wish("x" * (LIMIT - 11))] * 2


def test_a_declared_length_beyond_it_is_413_without_waiting_for_the_body(
    server: LiveServer, endpoint: WishEndpoint
) -> None:
    assert code_of(post(server, b"", b"Content-Length: %d" % (LIMIT + 1))) == (413, "request_too_large")
    assert endpoint.read == []


def test_a_real_length_beyond_it_is_413_before_the_end_is_seen(server: LiveServer, endpoint: WishEndpoint) -> None:
    endless = b"%x\r\n%s\r\n" % (LIMIT + 1, b" " * (LIMIT + 1))
    assert code_of(post(server, endless, b"Transfer-Encoding: chunked")) == (413, "request_too_large")
    assert endpoint.read == []


@pytest.mark.parametrize("media_type", [b"text/plain", b"multipart/form-data; boundary=x", b"application/x-json", b""])
def test_another_media_type_is_415(server: LiveServer, media_type: bytes) -> None:
    answer = post(server, b"{}", sized(b"{}"), b"Content-Type: " + media_type)
    assert code_of(answer) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "media_type", [b"application/json", b"Application/JSON; charset=utf-8", b"application/vnd.api+json"]
)
def test_json_by_any_of_its_names_is_read(server: LiveServer, media_type: bytes) -> None:
    assert post(server, b"{}", sized(b"{}"), b"Content-Type: " + media_type).status == 201


def test_an_absent_body_reads_as_an_empty_object(server: LiveServer, endpoint: WishEndpoint) -> None:
    assert post(server, b"").status == 201
    assert endpoint.read == [Wish()]


def test_what_is_no_wish_is_400(server: LiveServer) -> None:
    assert code_of(post(server, b'{"text":', sized(b'{"text":'))) == (400, "invalid_json")
    assert code_of(post(server, b'{"a":1}', sized(b'{"a":1}'))) == (400, "unknown_parameter")


def test_a_client_that_leaves_in_the_middle_is_noticed(server: LiveServer, endpoint: WishEndpoint) -> None:
    with server.connect() as connection:
        connection.send(b"POST /wishes HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{")
    assert endpoint.left.wait(5)
    assert endpoint.read == []


def test_a_body_that_does_not_arrive_is_408(
    server: LiveServer, endpoint: WishEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "BODY_TIMEOUT_S", 0.1)
    assert code_of(post(server, b"{", b"Content-Length: 100")) == (408, "request_timeout")
    assert endpoint.read == []


async def test_while_a_large_body_is_read_others_are_served() -> None:
    body = json.dumps({"numbers": list(range(10**15, 10**15 + 80_000))}).encode()
    assert len(body) > QUICK_BYTES_MAX

    class Numbers(msgspec.Struct):
        numbers: list[int]

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    served = 0

    async def serve_others() -> None:
        nonlocal served
        while True:
            await asyncio.sleep(0)
            served += 1

    others = asyncio.create_task(serve_others())
    read = await read_json(Request({"type": "http", "headers": []}, receive), Numbers, limit_bytes=len(body))
    others.cancel()
    assert len(read.numbers) == 80_000
    # What it takes to receive it: a few rounds. Beside its parsing there is room for many more.
    assert served > 20


class TestContentEncoding:
    @pytest.mark.parametrize(
        ("value", "named"),
        [
            (b"gzip", "gzip"),
            (b"GZIP", "GZIP"),
            (b"br", "br"),
            (b"zstd", "zstd"),
            (b"deflate", "deflate"),
            (b"identity, gzip", "gzip"),
            (b"x" * 500, "x" * 64),
        ],
    )
    def test_what_is_not_decoded_is_415_and_named(
        self, server: LiveServer, endpoint: WishEndpoint, value: bytes, named: str
    ) -> None:
        body = gzip.compress(b'{"text":"x"}')
        for path in (b"/wishes", b"/spoken"):
            kind = b"multipart/form-data; boundary=b" if path == b"/spoken" else b"application/json"
            headers = (sized(body), b"Content-Type: " + kind, b"Content-Encoding: " + value)
            answer = post(server, body, *headers, path=path)
            assert code_of(answer) == (415, "unsupported_content_encoding")
            assert f"'{named}'" in json.loads(answer.body)["error"]["message"]
        assert endpoint.read == []

    @pytest.mark.parametrize("value", [b"identity", b"Identity", b"", b"identity, identity"])
    def test_identity_is_no_encoding(self, server: LiveServer, value: bytes) -> None:
        assert post(server, b"{}", sized(b"{}"), b"Content-Encoding: " + value).status == 201


def test_a_byte_order_mark_is_ignored(server: LiveServer, endpoint: WishEndpoint) -> None:
    body = codecs.BOM_UTF8 + b'{"text":"x"}'
    assert post(server, body, sized(body)).status == 201
    assert endpoint.read == [Wish("x")]
    twice = codecs.BOM_UTF8 + body
    assert code_of(post(server, twice, sized(twice))) == (400, "invalid_json")


class TestForms:
    FILE = ("file", b"sound")
    MODEL = ("model", b"whisper-1")

    @pytest.mark.parametrize(
        ("parts", "status", "code", "param"),
        [
            ([FILE, MODEL], 200, None, None),
            ([MODEL], 400, "missing_required_parameter", "file"),
            ([], 400, "missing_required_parameter", "file"),
            ([FILE], 400, "missing_required_parameter", "model"),
            ([MODEL, ("audio", b"\xff" * 100_000)], 400, "unknown_parameter", "audio"),
            ([MODEL, FILE, ("nonsense", b"1")], 400, "unknown_parameter", "nonsense"),
        ],
    )
    def test_what_is_missing_or_unknown_is_named(
        self, server: LiveServer, parts: list[tuple[str, bytes]], status: int, code: str | None, param: str | None
    ) -> None:
        head = 'Content-Disposition: form-data; name="%s"\r\n\r\n'
        body = b"".join(b"--b\r\n" + (head % name).encode() + value + b"\r\n" for name, value in parts) + b"--b--\r\n"
        answer = post(server, body, sized(body), b"Content-Type: multipart/form-data; boundary=b", path=b"/spoken")
        assert answer.status == status
        if code is not None:
            error = json.loads(answer.body)["error"]
            assert (error["code"], error["param"]) == (code, param)


async def test_a_large_body_is_decoded_beside_the_event_loop() -> None:
    body = json.dumps({"text": "x" * LARGE_BYTES}).encode()
    loop, decoding, loop_has_turned = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    def decode(data: bytes) -> int:
        loop.call_soon_threadsafe(decoding.set)
        assert loop_has_turned.wait(60), "the event loop stood still"
        return len(data)

    request = Request({"type": "http", "method": "POST", "headers": []}, receive)
    reading = asyncio.create_task(read_json_by(request, decode, limit_bytes=len(body)))
    await asyncio.wait_for(decoding.wait(), 60)
    loop_has_turned.set()
    assert await reading == len(body)
