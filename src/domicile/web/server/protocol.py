"""uvicorn's HTTP/1.1 protocol, extended by limits and a deadline for heads, and by a gate that checks each head first.

The gate authenticates on the head alone (design 4.1). When it refuses, the parser stops inside its callback. Bytes of the same
read after the head are neither parsed nor copied, and later bytes are never read.
"""

import asyncio
import enum
from collections.abc import Callable, Sequence
from typing import Any, cast

import httptools
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from domicile.kernel import errors
from domicile.kernel.errors import DomicileError
from domicile.web import http_errors
from domicile.web.error_rendering import RenderedError
from domicile.web.server.answer_cycle import AnswerCycle, AnswerTransport
from domicile.web.server.deadline import Deadline
from domicile.web.server.head_judgement import HeadGate, judge_head
from domicile.web.server.lingering import LingeringEnd
from domicile.web.server.refusals import encode_refusal, make_refusal
from domicile.web.server.request_head import malformed, without_upgrade
from domicile.web.server.trusted_proxies import TrustedProxies

RefusalObserver = Callable[[RenderedError], None]

MAX_HEADER_BYTES = 64 * 1024
MAX_HEADER_COUNT = 100
HEAD_TIMEOUT_S = 30.0
# A client that reads nothing of its answer for so long is cut off, since it keeps an engine busy.
STALL_TIMEOUT_S = 60.0
# The write buffer's limit, above which the answer is paused.
MAX_UNSENT_BYTES = 16 * 1024
# Pipelined requests of one connection that wait for earlier answers. One read can hold thousands of small requests.
MAX_PIPELINED = 16
# Connections of one listener. Processes set a limit by their descriptors (`process/descriptors.py`).
MAX_CONNECTIONS = 1024


class _RefusedError(Exception):
    """Stops the parser inside a callback. Never leaves this module."""


class _Parsing(enum.Enum):
    """The part of a request to which the next byte belongs."""

    NOTHING = enum.auto()
    HEAD = enum.auto()
    BODY = enum.auto()


class LimitedHttpProtocol(HttpToolsProtocol):
    """Sends its own refusals in OpenAI's error format, and closes the connection after each.

    The refusal of a pipelined request is sent after the answers to the earlier requests.
    """

    head_gate: HeadGate | None = None
    on_refusal: RefusalObserver | None = None
    trusted_proxies: TrustedProxies | None = None
    refusal_headers: Sequence[tuple[str, str]] = ()
    max_connections = MAX_CONNECTIONS
    head_timeout_s = HEAD_TIMEOUT_S
    stall_timeout_s = STALL_TIMEOUT_S

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._parsing = _Parsing.NOTHING
        self._is_head_request = False
        self._head_bytes = 0
        self._silent_bytes = 0
        self._heard = False
        self._head_deadline = Deadline(self.loop, self.head_timeout_s)
        self._stall_deadline = Deadline(self.loop, self.stall_timeout_s)
        self._in_flight: AnswerCycle | None = None
        # The parser stops at an offer to change the protocol; the head is parsed again without it.
        self._offered_upgrade = False
        # Once set, no more bytes are read or parsed.
        self._refused = False
        self._refusal_in_turn: RenderedError | None = None
        self._end: LingeringEnd

    # Callbacks of the transport --------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Refuse untrusted peers and connections above the limit; start the deadline of the first head."""
        super().connection_made(transport)
        self._end = LingeringEnd(self.loop, transport)
        if self.trusted_proxies is not None and not self.trusted_proxies.include(transport):
            self._refused = True
            transport.abort()
            return
        transport.set_write_buffer_limits(high=MAX_UNSENT_BYTES)
        if len(self.connections) > self.max_connections:
            self._reject_connection()
            return
        self._head_deadline.start(self._timed_out)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all timers, and tell the running request that its client has left."""
        self._head_deadline.stop()
        self.resume_writing()
        self._end.close()
        # uvicorn tells only the latest request, which may still wait for its turn.
        unfinished = self._unfinished_answer()
        if unfinished is not None:
            unfinished.disconnected = True
            unfinished.message_event.set()
        super().connection_lost(exc)
        # Break the reference cycle between answer and protocol: otherwise only the garbage collector frees the connection.
        self.cycle = self._in_flight = None  # type: ignore[assignment]

    def data_received(self, data: memoryview) -> None:  # type: ignore[override]
        """Parse received bytes. `data` is valid during the call only: its owner overwrites it afterwards."""
        if self._refused:
            return
        self._heard = False
        try:
            self._parse(data)
        except httptools.HttpParserError:
            if not self._refused:
                self._refuse(malformed())
            return
        # The parser buffers an unfinished header without calling back, so bound the bytes since its last callback.
        self._silent_bytes = 0 if self._heard else self._silent_bytes + len(data)
        if self._silent_bytes > MAX_HEADER_BYTES:
            self._refuse(http_errors.headers_too_large(MAX_HEADER_BYTES, MAX_HEADER_COUNT))

    def _parse(self, data: memoryview) -> None:
        """Feed the parser, and ignore an Upgrade header (RFC 9110 7.8).

        The parser ends the message there, even if it has a body. So a new parser reads the head without the header, and then
        the rest.
        """
        while True:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as offer:
                data = data[offer.args[0] :]
            head = without_upgrade(self.parser.get_method(), self.url, self.parser.get_http_version(), self.headers)
            self._offered_upgrade = False
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            self.parser.feed_data(head)

    def pause_writing(self) -> None:
        """The client reads too slowly: start the stall deadline."""
        super().pause_writing()
        if not self._stall_deadline.is_running:
            # Not `close`, which would wait until the client has read the rest.
            self._stall_deadline.start(self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads again: stop the stall deadline."""
        super().resume_writing()
        self._stall_deadline.stop()

    def shutdown(self) -> None:
        """The server stops: close the connection once its answers have been sent."""
        if self._end.has_begun:
            self.transport.close()
            return
        self._head_deadline.stop()
        super().shutdown()

    # Callbacks of the parser -----------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Start the deadline of this head."""
        super().on_message_begin()
        self._heard = True
        # uvicorn stops the keep-alive timer at every byte. Then line breaks between requests would keep a connection open.
        self._unset_keepalive_if_required()
        self._parsing = _Parsing.HEAD
        self._is_head_request = False
        self._head_bytes = 0
        self._head_deadline.start(self._timed_out)

    def on_url(self, url: bytes) -> None:
        """Count a part of the target as bytes of the head."""
        super().on_url(url)
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, and count its bytes. Trailers are only counted."""
        # A trailer arrives after the head was checked, so it must not become a header. It is counted and dropped.
        if self._parsing is _Parsing.HEAD:
            super().on_header(name, value)
        self._count_head(len(name) + len(value) + 4)

    def on_headers_complete(self) -> None:
        """Check the head. Refuse the request, or pass it on."""
        self._heard = True
        method, version = self.parser.get_method(), self.parser.get_http_version()
        if self.parser.should_upgrade() and method != b"CONNECT":
            self._offered_upgrade = True
            return
        self._head_deadline.stop()
        self._is_head_request = method == b"HEAD"
        refusal = self._judge_head(method, version)
        if refusal is not None:
            self._answer_in_turn(self._refusal(refusal))
            raise _RefusedError
        self._start_request(keep_alive=version != "1.0" and self.parser.should_keep_alive())
        self._parsing = _Parsing.BODY

    def on_body(self, body: bytes) -> None:
        self._heard = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The body and its trailers have arrived."""
        if self._offered_upgrade:
            return
        self._heard = True
        self._parsing = _Parsing.NOTHING
        self._head_deadline.stop()
        super().on_message_complete()

    # The request -----------------------------------------------------------------------------------------------------

    def _judge_head(self, method: bytes, version: str) -> DomicileError | None:
        """Complete the scope. Returns the error that refuses the request, or None."""
        if len(self.pipeline) >= MAX_PIPELINED:
            return errors.service_unavailable("Too many requests wait on this connection. Wait for their answers.", 1)
        return judge_head(
            cast(Scope, self.scope),
            method=method,
            version=version,
            url=self.url,
            proxies=self.trusted_proxies,
            gate=self.head_gate,
        )

    def _start_request(self, *, keep_alive: bool) -> None:
        """Pass the request on, or queue it behind the earlier requests of the connection."""
        # An answer that ended while this head arrived has started the keep-alive timer again.
        self._unset_keepalive_if_required()
        waits = self._unfinished_answer() is not None
        self.cycle = AnswerCycle(
            scope=self.scope,
            transport=cast(Any, AnswerTransport(self.transport, self._end_after_answer)),
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=keep_alive,
            on_response=self.on_response_complete,
        )
        if waits:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))
        else:
            self._start_asgi_task(self.cycle, self.app)

    # Callbacks of uvicorn --------------------------------------------------------------------------------------------

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._in_flight = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """An answer is complete: start the next pipelined request, or send a refusal that waits."""
        if self._end.has_begun:
            # This answer ends the connection, so pipelined requests behind it get no answer.
            return
        is_last, was_paused = not self.pipeline, self.flow.read_paused
        super().on_response_complete()
        if was_paused and self._head_deadline.is_running:
            # uvicorn resumes reading here, so the deadline of an unfinished head starts over.
            self._head_deadline.start(self._timed_out)
        if is_last and self._refusal_in_turn is not None:
            self._write_refusal(self._refusal_in_turn)

    def _end_after_answer(self) -> None:
        """End the connection after an answer. Linger if the request's body has not fully arrived."""
        if self._in_flight is None or not self._in_flight.more_body or self.transport.is_closing():
            self.transport.close()
        else:
            self._stop_reading()
            self._end.begin()

    def send_400_response(self, msg: str) -> None:
        """uvicorn's own refusals, in OpenAI's error format."""
        self._refuse(errors.invalid_request(msg))

    # Limits ----------------------------------------------------------------------------------------------------------

    def _count_head(self, size: int) -> None:
        self._heard = True
        self._head_bytes += size
        if self._head_bytes > MAX_HEADER_BYTES or len(self.headers) > MAX_HEADER_COUNT:
            self._refuse(http_errors.headers_too_large(MAX_HEADER_BYTES, MAX_HEADER_COUNT))
            raise _RefusedError

    # Refusals --------------------------------------------------------------------------------------------------------

    def _unfinished_answer(self) -> AnswerCycle | None:
        cycle = self._in_flight
        return cycle if cycle is not None and not cycle.response_complete else None

    def _timed_out(self) -> None:
        if self.flow.read_paused:
            # Reading is paused, so the rest of the head may be in the kernel's buffer. Start over.
            self._head_deadline.start(self._timed_out)
        else:
            self._refuse(http_errors.request_timeout())

    def _refusal(self, error: DomicileError) -> RenderedError:
        # uvicorn's default headers hold the date.
        own = [(name.decode(), value.decode()) for name, value in self.server_state.default_headers]
        return make_refusal(error, (*own, *self.refusal_headers))

    def _reject_connection(self) -> None:
        """Answer 503 to a connection above the limit and close it at once, since descriptors are scarce."""
        self._refused = True
        self._send_refusal(self._refusal(errors.service_unavailable("This server has too many connections.", 1)))
        self.transport.close()

    def _refuse(self, error: DomicileError) -> None:
        answer = self._refusal(error)
        if self._parsing is not _Parsing.BODY:
            self._answer_in_turn(answer)
            return
        # A malformed body of a request that was passed on: the refusal replaces that request's answer.
        cycle = self.cycle
        if cycle is not self._in_flight:
            self.pipeline.popleft()
            self._answer_in_turn(answer)
        elif cycle.response_started:
            # The answer has begun, so a refusal would corrupt it. Only close the connection.
            self._stop_reading()
            self.transport.close()
        else:
            self._stop_reading()
            cycle.disconnected = True
            cycle.message_event.set()
            self._write_refusal(answer)

    def _answer_in_turn(self, answer: RenderedError) -> None:
        self._stop_reading()
        self._head_deadline.stop()
        if self._unfinished_answer() is None:
            self._write_refusal(answer)
        else:
            self._refusal_in_turn = answer

    def _stop_reading(self) -> None:
        self._refused = True
        # uvicorn resumes reading for a handler only if it paused reading itself. So clear its flag first.
        self.flow.resume_reading()
        self._end.stop_reading()

    def _write_refusal(self, answer: RenderedError) -> None:
        self._unset_keepalive_if_required()
        self._head_deadline.stop()
        if not self.transport.is_closing():
            self._send_refusal(answer)
            self._end.begin()

    def _send_refusal(self, answer: RenderedError) -> None:
        if self.on_refusal is not None:
            self.on_refusal(answer)
        self.transport.write(encode_refusal(answer, to_head=self._is_head_request))


def protocol_class(
    *,
    head_gate: HeadGate | None,
    on_refusal: RefusalObserver | None,
    trusted_proxies: TrustedProxies | None,
    refusal_headers: Sequence[tuple[str, str]] = (),
    max_connections: int = MAX_CONNECTIONS,
    head_timeout_s: float = HEAD_TIMEOUT_S,
    stall_timeout_s: float = STALL_TIMEOUT_S,
) -> type[LimitedHttpProtocol]:
    """The protocol class of one listener. Its connections pass each head to `head_gate` first.

    `head_timeout_s`: for a head to arrive. `stall_timeout_s`: after this a client that reads nothing is cut off.
    `refusal_headers`: added to the protocol's own refusals. Connections above `max_connections` get 503 and are closed.
    """
    members = {
        "head_gate": staticmethod(head_gate) if head_gate else None,
        "on_refusal": staticmethod(on_refusal) if on_refusal else None,
        "trusted_proxies": trusted_proxies,
        "refusal_headers": tuple(refusal_headers),
        "max_connections": max_connections,
        "head_timeout_s": head_timeout_s,
        "stall_timeout_s": stall_timeout_s,
    }
    return type("ListenerProtocol", (LimitedHttpProtocol,), members)
