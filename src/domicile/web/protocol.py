"""uvicorn's HTTP/1.1 protocol with what it lacks: limits on heads, a deadline for them, and a gate that sees a head first.

The gate is how a region answers a key of another region "on the head alone" (design 4.1): the parser stops inside its
callback, so what came with the head in the same read is dropped unparsed, and what comes later is never read.
"""

import asyncio
import enum
import http
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from domicile.kernel import errors
from domicile.kernel.errors import DomicileError, RenderedError
from domicile.kernel.ids import new_id
from domicile.web.trusted_proxies import TrustedProxies, came_in_clear, https_required
from domicile.web.unread import UnreadSocket

Headers = Sequence[tuple[bytes, bytes]]
HeadGate = Callable[[Headers], RenderedError | None]
RefusalObserver = Callable[[RenderedError], None]

MAX_HEADER_BYTES = 64 * 1024
MAX_HEADER_COUNT = 100
HEAD_TIMEOUT_S = 30.0
# A client that takes nothing of its answer for so long holds an engine for nobody. Less than this is kept for it here.
STALL_TIMEOUT_S = 60.0
MAX_UNSENT_BYTES = 16 * 1024
# After a refusal the client may still be sending its body, and a connection that is closed under it is reset: most
# clients then report a connection error and never read the answer. So what still comes is dropped, unread, for this long
# at most, and for this long after the last of it.
LINGER_S = 30.0
LINGER_IDLE_S = 2.0


class _RefusedError(Exception):
    """Stops the parser inside a callback. Never leaves this module."""


class _Parsing(enum.Enum):
    """What the next byte belongs to."""

    NOTHING = enum.auto()
    HEAD = enum.auto()
    BODY = enum.auto()


class LimitedHttpProtocol(HttpToolsProtocol):
    """Answers every refusal of its own in the error envelope and closes the connection after it.

    Of pipelined requests each refusal takes its turn: it is written after the answers to those before it.
    """

    head_gate: HeadGate | None = None
    on_refusal: RefusalObserver | None = None
    trusted_proxies: TrustedProxies | None = None
    head_timeout_s = HEAD_TIMEOUT_S
    stall_timeout_s = STALL_TIMEOUT_S

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._parsing = _Parsing.NOTHING
        self._is_head_request = False
        self._head_bytes = 0
        self._silent_bytes = 0
        self._heard = False
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._in_flight: RequestResponseCycle | None = None
        # Once set, no byte is parsed any more, and none is read that was not read before.
        self._refused = False
        self._unread: UnreadSocket | None = None
        self._refusal_in_turn: RenderedError | None = None
        self._linger_until: float | None = None

    # What the transport tells ----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.trusted_proxies is not None and not self.trusted_proxies.include(transport):
            self._refused = True
            transport.abort()
            return
        transport.set_write_buffer_limits(high=MAX_UNSENT_BYTES)
        self._start_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_deadline()
        self.resume_writing()
        if self._unread is not None:
            self._unread.close()
        # uvicorn tells the request that came last, which may still be waiting for its turn.
        unfinished = self._unfinished_answer()
        if unfinished is not None:
            unfinished.disconnected = True
            unfinished.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._unset_keepalive_if_required()
        self._heard = False
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self._refused:
                self._refuse(errors.invalid_request("The request is not valid HTTP/1.1."))
            return
        # The parser keeps a header's value until its end: what it swallows without a word must have an end.
        self._silent_bytes = 0 if self._heard else self._silent_bytes + len(data)
        if self._silent_bytes > MAX_HEADER_BYTES:
            self._refuse(errors.headers_too_large(MAX_HEADER_BYTES, MAX_HEADER_COUNT))
        elif self._unfinished_answer() is None:
            self._limit_what_follows_an_answer()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stalled is None:
            # Not `close`, which would wait for the client to take what is left.
            self._stalled = self.loop.call_later(self.stall_timeout_s, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def shutdown(self) -> None:
        if self._linger_until is not None:
            self.transport.close()
            return
        self._stop_deadline()
        super().shutdown()

    # What the parser tells -------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._heard = True
        self._parsing = _Parsing.HEAD
        self._is_head_request = False
        self._head_bytes = 0
        self._start_deadline()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        # A trailer comes after the head was judged, so it is counted and dropped: it must not become a header.
        if self._parsing is _Parsing.HEAD:
            super().on_header(name, value)
        self._count_head(len(name) + len(value) + 4)

    def on_headers_complete(self) -> None:
        self._heard = True
        self._stop_deadline()
        self._is_head_request = self.parser.get_method() == b"HEAD"
        if self.trusted_proxies is not None and came_in_clear(self.headers):
            self._refuse(https_required())
            raise _RefusedError
        answer = self.head_gate(self.headers) if self.head_gate is not None else None
        if answer is not None:
            self._answer_in_turn(answer)
            raise _RefusedError
        if self.parser.should_upgrade():
            self._refuse(errors.invalid_request("Upgrading the connection is not supported."))
            raise _RefusedError
        if any(name == b"transfer-encoding" and value.lower() != b"chunked" for name, value in self.headers):
            # The parser finds out too, but only after the request has been passed on.
            self._refuse(errors.invalid_request("The only Transfer-Encoding that is understood is chunked."))
            raise _RefusedError
        super().on_headers_complete()
        self._parsing = _Parsing.BODY

    def on_body(self, body: bytes) -> None:
        self._heard = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._heard = True
        self._parsing = _Parsing.NOTHING
        self._stop_deadline()
        super().on_message_complete()

    # What uvicorn tells ----------------------------------------------------------------------------------------------

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._in_flight = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        is_last = not self.pipeline
        super().on_response_complete()
        if is_last and self._refusal_in_turn is not None:
            self._write_refusal(self._refusal_in_turn)

    def send_400_response(self, msg: str) -> None:
        self._refuse(errors.invalid_request(msg))

    # Limits ----------------------------------------------------------------------------------------------------------

    def _count_head(self, size: int) -> None:
        self._heard = True
        self._head_bytes += size
        if self._head_bytes > MAX_HEADER_BYTES or len(self.headers) > MAX_HEADER_COUNT:
            self._refuse(errors.headers_too_large(MAX_HEADER_BYTES, MAX_HEADER_COUNT))
            raise _RefusedError

    def _limit_what_follows_an_answer(self) -> None:
        """Each byte has just ended uvicorn's keep-alive timer; nothing may stay open without one."""
        if self._parsing is _Parsing.BODY and self._deadline is None:
            self._start_deadline()
        elif self._parsing is _Parsing.NOTHING and self._in_flight is not None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _start_deadline(self) -> None:
        self._stop_deadline()
        self._deadline = self.loop.call_later(self.head_timeout_s, self._timed_out)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _timed_out(self) -> None:
        self._refuse(errors.request_timeout())

    # Refusals --------------------------------------------------------------------------------------------------------

    def _unfinished_answer(self) -> RequestResponseCycle | None:
        cycle = self._in_flight
        return cycle if cycle is not None and not cycle.response_complete else None

    def _refuse(self, error: DomicileError) -> None:
        rendered = errors.render(error)
        answer = replace(rendered, headers=(*rendered.headers, ("x-request-id", new_id("req_"))))
        if self._parsing is not _Parsing.BODY:
            self._answer_in_turn(answer)
            return
        # The body of a request that was passed on is at fault: the refusal takes the place of that request's answer.
        cycle = self.cycle
        if cycle is not self._in_flight:
            self.pipeline.popleft()
            self._answer_in_turn(answer)
        elif cycle.response_started:
            # Bytes of another answer in between, or after it, would be worse than none.
            self._stop_reading()
            self.transport.close()
        else:
            self._stop_reading()
            cycle.disconnected = True
            cycle.message_event.set()
            self._write_refusal(answer)

    def _answer_in_turn(self, answer: RenderedError) -> None:
        self._stop_reading()
        self._stop_deadline()
        if self._unfinished_answer() is None:
            self._write_refusal(answer)
        else:
            self._refusal_in_turn = answer

    def _stop_reading(self) -> None:
        self._refused = True
        # uvicorn resumes what it has paused itself, whenever a handler asks for more: so it must think that nothing is.
        self.flow.resume_reading()
        self._unread = UnreadSocket(self.loop, self.transport, on_bytes=self._linger, on_end=self.transport.close)

    def _write_refusal(self, answer: RenderedError) -> None:
        self._unset_keepalive_if_required()
        if self.on_refusal is not None:
            self.on_refusal(answer)
        if self.transport.is_closing():
            return
        status = http.HTTPStatus(answer.status)
        lines = [f"HTTP/1.1 {status.value} {status.phrase}"]
        lines += [f"{name}: {value}" for name, value in answer.headers]
        lines += [f"content-length: {len(answer.body)}", "connection: close", "", ""]
        body = b"" if self._is_head_request else answer.body
        self.transport.write("\r\n".join(lines).encode("latin-1") + body)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._linger_until = self.loop.time() + LINGER_S
        self._linger()

    def _linger(self) -> None:
        if self._linger_until is None:
            return
        if self.loop.time() > self._linger_until:
            self.transport.abort()
            return
        self._stop_deadline()
        self._deadline = self.loop.call_later(LINGER_IDLE_S, self.transport.abort)


def protocol_class(
    *,
    head_gate: HeadGate | None,
    on_refusal: RefusalObserver | None,
    trusted_proxies: TrustedProxies | None,
    head_timeout_s: float = HEAD_TIMEOUT_S,
    stall_timeout_s: float = STALL_TIMEOUT_S,
) -> type[LimitedHttpProtocol]:
    """A protocol class of one listener: its connections show each head to `head_gate` first.

    They wait `head_timeout_s` for it, and `stall_timeout_s` for a client that reads nothing of its answer.
    """
    members = {
        "head_gate": staticmethod(head_gate) if head_gate else None,
        "on_refusal": staticmethod(on_refusal) if on_refusal else None,
        "trusted_proxies": trusted_proxies,
        "head_timeout_s": head_timeout_s,
        "stall_timeout_s": stall_timeout_s,
    }
    return type("ListenerProtocol", (LimitedHttpProtocol,), members)
