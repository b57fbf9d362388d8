"""Forms as streams: any chunks give the same form, the client waits for the sink, and nothing is kept of what fails."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message, Scope

from domicile.kernel.errors import DomicileError
from domicile.web.application import BODY_HOLD, ClientDisconnectedError
from domicile.web.bodies import receiving
from domicile.web.bodies.body_memory import SMALL_BYTES, BodyMemory
from domicile.web.bodies.form_stream import FormLimits, read_form, stream_form

MIB = 1024 * 1024
LIMITS = FormLimits(body_bytes=2 * MIB, file_bytes=1 * MIB)
BOUNDARY = "the-boundary"
TYPE = f"multipart/form-data; boundary={BOUNDARY}".encode()


class Upload(msgspec.Struct, forbid_unknown_fields=True):
    """A form's fields beside its file."""

    purpose: str
    words: list[str] | msgspec.UnsetType = msgspec.UNSET


class Heard(msgspec.Struct, forbid_unknown_fields=True):
    """A form whose file is one of its members."""

    purpose: str
    file: bytes


class Sink:
    """Counts, keeps, and fails on demand."""

    def __init__(self, fail_at: int | None = None) -> None:
        self.kept = bytearray()
        self.largest = 0
        self.ends: list[str] = []
        self._fail_at = fail_at

    async def write(self, data: bytes) -> None:
        if self._fail_at is not None and len(self.kept) >= self._fail_at:
            raise OSError("no room")
        self.largest = max(self.largest, len(data))
        self.kept += data

    async def close(self) -> bytes:
        self.ends.append("close")
        return bytes(self.kept)

    async def abort(self) -> None:
        self.ends.append("abort")
        self.kept.clear()


def part(name: str, value: bytes, filename: str | None = None) -> bytes:
    named = f'; filename="{filename}"' if filename else ""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
    return head.encode() + value + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()
FORM = part("purpose", b"batch") + part("file", b"\r\n--the-bound\r\n" * 40, "a.jsonl") + part("words[]", b"one") + END
CONTENT = b"\r\n--the-bound\r\n" * 40


def request_of(chunks: Iterable[bytes] | AsyncIterator[bytes], memory: BodyMemory | None = None) -> Request:
    """A request whose body comes in these chunks; after the last one the client has gone if it was not the end."""

    async def messages() -> AsyncIterator[Message]:
        if isinstance(chunks, AsyncIterator):
            async for chunk in chunks:
                yield {"type": "http.request", "body": chunk, "more_body": True}
        else:
            for chunk in chunks:
                yield {"type": "http.request", "body": chunk, "more_body": True}
        yield {"type": "http.request", "body": b"", "more_body": False}

    waiting = messages()
    scope: Scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-type", TYPE)]}
    if memory is not None:
        scope[BODY_HOLD] = memory.hold()
    return Request(scope, lambda: anext(waiting))


async def read(request: Request, sink: Sink, limits: FormLimits = LIMITS) -> tuple[Upload, bytes]:
    async def open_sink(_filename: str) -> Sink:
        return sink

    return await stream_form(
        request, Upload, file="file", lists=frozenset({"words"}), limits=limits, open_sink=open_sink
    )


def cut(body: bytes, places: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    return [body[start:end] for start, end in itertools.pairwise(edges)]


@given(places=st.lists(st.integers(min_value=0, max_value=10_000), max_size=30))
@settings(max_examples=200, deadline=None)
def test_any_chunks_give_the_same_form(places: list[int]) -> None:
    sink = Sink()
    fields, stored = asyncio.run(read(request_of(cut(FORM, places)), sink))
    assert (fields, stored, sink.ends) == (Upload("batch", ["one"]), CONTENT, ["close"])


@given(
    body=st.lists(
        st.sampled_from(
            [part("purpose", b"p"), part("file", b"x" * 99, "f"), part("other", b"o"), END, b"\r\n", b"--the-"]
        ),
        max_size=6,
    ).map(b"".join),
    places=st.lists(st.integers(min_value=0, max_value=1000), max_size=8),
)
@settings(max_examples=300, deadline=None)
def test_any_chunks_give_the_same_error(body: bytes, places: list[int]) -> None:
    """And whatever was opened has ended exactly once."""

    def outcome(chunks: list[bytes]) -> object:
        sink = Sink()
        try:
            result: object = asyncio.run(read(request_of(chunks), sink))
        except DomicileError as error:
            assert sink.ends in ([], ["abort"])
            return error.code, error.param
        assert sink.ends == ["close"]
        return result

    assert outcome(cut(body, places)) == outcome([body])


async def test_a_file_may_come_before_the_fields() -> None:
    body = part("file", b"content", "f") + part("purpose", b"batch") + END
    assert await read(request_of([body]), Sink()) == (Upload("batch"), b"content")


async def test_the_client_waits_for_the_sink() -> None:
    """512 MiB, of which never more than one chunk is on its way."""
    chunk, count, sent, taken = b"x" * 64 * 1024, 8192, 0, 0

    class Counting(Sink):
        async def write(self, data: bytes) -> None:
            nonlocal taken
            await asyncio.sleep(0)
            taken += len(data)
            self.largest = max(self.largest, len(data))

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        yield part("purpose", b"batch") + part("file", b"", "f").removesuffix(b"\r\n")
        for _ in range(count):
            assert sent - taken <= len(chunk)
            sent += len(chunk)
            yield chunk
        yield b"\r\n" + END

    sink, memory = Counting(), BodyMemory(16 * MIB)
    limits = FormLimits(body_bytes=600 * MIB, file_bytes=512 * MIB)
    await read(request_of(chunks(), memory), sink, limits)
    assert (taken, sink.ends) == (512 * MIB, ["close"])
    assert sink.largest <= len(chunk)
    assert memory.held_bytes == 0, "a file that goes elsewhere takes none of the memory of bodies"


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (part("file", b"x" * 100, "f") + part("purpose", b"batch"), "invalid_form", None),
        (part("file", b"x" * (MIB + 1), "f") + part("purpose", b"batch") + END, "request_too_large", "file"),
        (part("file", b"x", "f") + part("other", b"o") + END, "unknown_parameter", "other"),
        (part("file", b"x", "f") + part("file", b"y", "g") + END, "invalid_form", "file"),
        (part("file", b"x", "f") + END, "missing_required_parameter", "purpose"),
    ],
    ids=["cut short", "too large", "unknown field", "two files", "missing field"],
)
async def test_nothing_is_kept_of_a_form_that_is_refused(body: bytes, code: str, param: str | None) -> None:
    sink = Sink()
    with pytest.raises(DomicileError) as caught:
        await read(request_of(cut(body, [90])), sink)
    assert (caught.value.code, caught.value.param) == (code, param)
    assert sink.ends == ["abort"]
    assert not sink.kept


async def test_a_file_that_is_too_large_is_refused_before_its_end() -> None:
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        yield part("file", b"", "f").removesuffix(b"\r\n")
        for _ in range(28):
            sent += 64 * 1024
            yield b"x" * 64 * 1024

    with pytest.raises(DomicileError) as caught:
        await read(request_of(chunks()), Sink())
    assert caught.value.code == "request_too_large"
    assert sent == MIB + 64 * 1024


async def test_a_sink_that_fails_is_aborted_once_and_its_own_error_is_raised() -> None:
    sink = Sink(fail_at=0)
    with pytest.raises(OSError, match="no room"):
        await read(request_of([FORM]), sink)
    assert sink.ends == ["abort"]


async def test_a_request_cancelled_while_its_file_is_kept_aborts_the_sink() -> None:
    """A sink cannot tell whether a cancelled `close` has kept the file, so it is told to remove it."""
    closing = asyncio.Event()

    class SlowSink(Sink):
        async def close(self) -> bytes:
            closing.set()
            await asyncio.Event().wait()
            raise AssertionError

    sink = SlowSink()
    reading = asyncio.create_task(read(request_of([FORM]), sink))
    await closing.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert sink.ends == ["abort"]


async def test_a_client_that_leaves_aborts_the_sink() -> None:
    messages: list[Message] = [
        {"type": "http.request", "body": part("file", b"half", "f")[:-4], "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return messages.pop(0)

    sink = Sink()
    scope: Scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-type", TYPE)]}
    with pytest.raises(ClientDisconnectedError):
        await read(Request(scope, receive), sink)
    assert sink.ends == ["abort"]


async def test_a_cancelled_request_aborts_the_sink() -> None:
    begun, sink = asyncio.Event(), Sink()

    async def chunks() -> AsyncIterator[bytes]:
        yield part("file", b"half", "f")[:-4]
        begun.set()
        await asyncio.Event().wait()

    reading = asyncio.create_task(read(request_of(chunks()), sink))
    await begun.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert sink.ends == ["abort"]


async def test_a_file_in_memory_counts_as_a_body() -> None:
    memory = BodyMemory(16 * MIB)
    body = part("purpose", b"batch") + part("file", b"x" * 512 * 1024, "f") + END
    request = request_of(cut(body, range(0, len(body), 4096)), memory)
    heard = await read_form(request, Heard, limit_bytes=2 * MIB, file="file", file_limit_bytes=MIB, lists=frozenset())
    assert heard == Heard("batch", b"x" * 512 * 1024)
    assert memory.held_bytes == 512 * 1024 + len(b"batch") - SMALL_BYTES


def jumping_clock(monkeypatch: pytest.MonkeyPatch, step_s: float) -> Callable[[], None]:
    """Time goes on by so much at each call."""
    loop = asyncio.get_running_loop()
    real, ahead = loop.time, 0.0

    def jump() -> None:
        nonlocal ahead
        ahead += step_s

    monkeypatch.setattr(loop, "time", lambda: real() + ahead)
    return jump


@pytest.mark.parametrize("slowest", [None, 1000])
async def test_a_long_upload_must_keep_its_pace(slowest: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """25 seconds for each of four chunks: too long for a body, and well above 1,000 bytes a second."""
    jump = jumping_clock(monkeypatch, receiving.BODY_TIMEOUT_S * 0.4)

    async def chunks() -> AsyncIterator[bytes]:
        for chunk in (part("purpose", b"batch"), part("file", b"x" * 60_000, "f"), b"", END):
            jump()
            # The loop looks at its clock.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            yield chunk

    sink = Sink()
    limits = FormLimits(2 * MIB, MIB, slowest_bytes_per_s=slowest)
    if slowest is not None:
        assert (await read(request_of(chunks()), sink, limits))[0] == Upload("batch")
        return
    with pytest.raises(DomicileError) as caught:
        await read(request_of(chunks()), sink, limits)
    assert caught.value.code == "request_timeout"
    assert sink.ends in ([], ["abort"])
