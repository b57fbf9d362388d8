"""uvicorn's HTTP/1.1 protocol with what it lacks: limits on heads, a deadline for them, and a gate that sees a head first.

The gate is how a region answers a key of another region "on the head alone" (design 4.1): the answer is written from
inside the parser's callback, the socket is never read again, and what came with the head in the same read is dropped
unparsed.
"""

import asyncio
import http
from collections.abc import Callable, Sequence
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from domicile.kernel import errors
from domicile.kernel.errors import DomicileError, RenderedError

Headers = Sequence[tuple[bytes, bytes]]
HeadGate = Callable[[Headers], RenderedError | None]

MAX_HEADER_BYTES = 64 * 1024
MAX_HEADER_COUNT = 100
HEAD_TIMEOUT_S = 30.0
# After an answer on the head alone the client may still be sending. An immediate close could reset the connection before
# the client has read the answer; so the socket stays open for this long, unread.
LINGER_S = 0.5


class _HeadRefusedError(Exception):
    """Stops the parser inside a callback. Never leaves this module."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """Answers every refusal of its own in the error envelope and closes the connection after it."""

    head_gate: HeadGate | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(errors.invalid_request("Upgrading the connection is not supported."))
        except httptools.HttpParserError as error:
            if not self._refused and not isinstance(error.__context__, _HeadRefusedError):
                self._refuse(errors.invalid_request("The request is not valid HTTP/1.1."))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0
        self._start_head_timer()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._count_head(len(name) + len(value) + 4)

    def on_headers_complete(self) -> None:
        self._stop_head_timer()
        pipelined = self._unfinished_answer() is not None
        # Behind an unfinished answer nothing can be written yet: the application's own authentication then refuses.
        if self.head_gate is not None and not pipelined:
            answer = self.head_gate(self.headers)
            if answer is not None:
                self._write_refusal(answer)
                raise _HeadRefusedError
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._refused:
            super().on_body(body)

    def shutdown(self) -> None:
        self._stop_head_timer()
        super().shutdown()

    def send_400_response(self, msg: str) -> None:
        self._refuse(errors.invalid_request(msg))

    def _unfinished_answer(self) -> RequestResponseCycle | None:
        # Declared as never None by uvicorn, which is true only from the first request on.
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle if cycle is not None and not cycle.response_complete else None

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > MAX_HEADER_BYTES or len(self.headers) > MAX_HEADER_COUNT:
            self._refuse(errors.headers_too_large(MAX_HEADER_BYTES, MAX_HEADER_COUNT))
            raise _HeadRefusedError

    def _start_head_timer(self) -> None:
        self._stop_head_timer()
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._head_timed_out)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_timed_out(self) -> None:
        if self._unfinished_answer() is None:
            self._refuse(errors.request_timeout())

    def _refuse(self, error: DomicileError) -> None:
        unfinished = self._unfinished_answer()
        if unfinished is not None and unfinished.response_started:
            # An answer is on its way; bytes of another in between would be worse than none.
            self._refused = True
            self.transport.close()
            return
        self._write_refusal(errors.render(error))

    def _write_refusal(self, answer: RenderedError) -> None:
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        unfinished = self._unfinished_answer()
        if unfinished is not None:
            unfinished.disconnected = True
            unfinished.message_event.set()
        status = http.HTTPStatus(answer.status)
        lines = [f"HTTP/1.1 {status.value} {status.phrase}"]
        lines += [f"{name}: {value}" for name, value in answer.headers]
        lines += [f"content-length: {len(answer.body)}", "connection: close", "", ""]
        self.transport.write("\r\n".join(lines).encode("latin-1") + answer.body)
        self.transport.pause_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.abort)


def protocol_with_gate(gate: HeadGate | None) -> type[LimitedHttpProtocol]:
    """A protocol class whose connections show each head to `gate` first."""
    return type("GatedHttpProtocol", (LimitedHttpProtocol,), {"head_gate": staticmethod(gate) if gate else None})
