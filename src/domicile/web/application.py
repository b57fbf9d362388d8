"""The outermost ASGI application of each listener: request ids, error rendering, one log line without content."""

import asyncio
import time
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domicile.kernel import errors
from domicile.kernel.dependency import DependencyUnavailableError
from domicile.kernel.errors import DomicileError
from domicile.kernel.ids import random_base62
from domicile.web import error_rendering, http_errors
from domicile.web.bodies.body_memory import BodyMemory

log = structlog.get_logger("http")

API_VERSION = b"2020-10-01"
# The header with the public labels of the engines that answered, for the log.
_ENGINE = b"domicile-engine"
_LOGGED = "logged_ids"
_HEADERS = "answer_headers"
BODY_HOLD = "body_hold"
"""The scope's key for the request's `BodyHold`, or None."""


class ClientDisconnectedError(Exception):
    """The client has disconnected, so no answer is sent."""


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """The facts about one request that may be logged and counted."""

    method: str
    """One of the methods that the parser knows."""
    route: str | None
    """The route's template. None for an unknown URL, or if the request was refused before routing."""
    status: int | None
    """None if no answer was begun because the client had left."""
    code: str | None
    bytes_in: int
    bytes_out: int
    first_byte_s: float | None
    duration_s: float


class Observer(Protocol):
    """Counts requests, for metrics. Its methods must return at once and never raise."""

    def began(self) -> None:
        """Called when a request has reached the application."""
        ...

    def ended(self, record: RequestRecord) -> None:
        """Called once at the end of each request, whatever its outcome."""
        ...


def log_caller(scope: Scope, **ids: str) -> None:
    """Add the caller's ids to the request's log line: project or organization, and key id. Never a key."""
    scope[_LOGGED].update(ids)


def add_answer_header(scope: Scope, name: bytes, value: str) -> None:
    """Add a header to the answer, also if it becomes an error. Call it before the answer's head is sent."""
    scope[_HEADERS].append((name, value.encode("latin-1")))


class Application:
    """Runs the routes. Every answer has an `x-request-id`, and every error is rendered in OpenAI's format.

    The log line has the route's template, the error's code, sizes, times and the caller's ids. It has no path, query, header,
    body or address. Texts of unexpected exceptions are not logged either: they may quote the request.
    """

    def __init__(
        self,
        routes: Sequence[BaseRoute],
        *,
        decorate: Callable[[ASGIApp], ASGIApp] | None = None,
        extra_headers: Sequence[tuple[bytes, bytes]] = (),
        observer: Observer | None = None,
        body_memory: BodyMemory | None = None,
    ) -> None:
        """`decorate` adds middleware around the router, such as authentication and CORS.

        `extra_headers`: added to every answer. `observer`: called for every request. `body_memory`: bounds the memory of all
        requests' bodies together.
        """
        router: ASGIApp = Router(routes, default=_unknown_url, redirect_slashes=False)
        self._app = decorate(router) if decorate else router
        self._extra_headers = list(extra_headers)
        self._observer = observer
        self._body_memory = body_memory

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        answer = _AnswerRecorder(scope, receive, send, self._extra_headers)
        if self._observer is not None:
            self._observer.began()
        hold = scope[BODY_HOLD] = None if self._body_memory is None else self._body_memory.hold()
        # Starlette raises its 404 and 405 as exceptions only if the scope has an application.
        scope["app"] = self
        code: str | None = None
        try:
            await self._app(scope, answer.receive, answer.send)
        except DomicileError as error:
            code = error.code or error.category.name
            await answer.fail(error)
        except HTTPException as error:
            translated = _from_starlette(error, scope)
            code = translated.code
            await answer.fail(translated)
        except DependencyUnavailableError as error:
            unavailable = error.as_error()
            code = unavailable.code
            log.error("dependency_unavailable", request_id=answer.request_id, type=str(error))
            await answer.fail(unavailable)
        except ClientDisconnectedError:
            code = "client_disconnected"
        except asyncio.CancelledError:
            # The server is stopping and the drain time is over.
            code = "cancelled"
            await answer.fail(errors.service_unavailable("This server is stopping. Send the request again."))
            raise
        except Exception as error:
            code = "internal_error"
            log.error("unforeseen", request_id=answer.request_id, type=type(error).__name__, at=_raised_at(error))
            await answer.fail(http_errors.internal_error())
        finally:
            if hold is not None:
                hold.release()
            record = answer.record(code)
            answer.log(record)
            if self._observer is not None:
                self._observer.ended(record)


class _AnswerRecorder:
    """Wraps `receive` and `send` of one request: adds headers to the answer, and measures sizes and times."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, extra_headers: list[tuple[bytes, bytes]]) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._extra_headers = extra_headers
        self._started = time.monotonic()
        self._status: int | None = None
        self._first_byte_s: float | None = None
        self._bytes_in = 0
        self._bytes_out = 0
        self._engine: str | None = None
        self.request_id = f"req_{random_base62(24)}"
        scope["request_id"] = self.request_id
        scope[_LOGGED] = {}
        scope[_HEADERS] = []

    async def receive(self) -> Message:
        """The next message of the request. Counts the body's bytes."""
        message = await self._receive()
        self._bytes_in += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        """Send a message of the answer. Adds the common headers to its head, and counts the body's bytes."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._first_byte_s = time.monotonic() - self._started
            elapsed_ms = int(self._first_byte_s * 1000)
            self._engine = next((value.decode() for name, value in message.get("headers", ()) if name == _ENGINE), None)
            message["headers"] = [
                *message.get("headers", ()),
                (b"x-request-id", self.request_id.encode()),
                (b"openai-processing-ms", str(elapsed_ms).encode()),
                (b"openai-version", API_VERSION),
                *self._extra_headers,
                *self._scope[_HEADERS],
            ]
        else:
            self._bytes_out += len(message.get("body", b""))
        await self._send(message)

    async def fail(self, error: DomicileError) -> None:
        """Answer with an error. Does nothing if the answer's head has been sent."""
        if self._status is not None:
            # The head has been sent, so no error fits any more. The server closes the connection of an incomplete answer, which
            # the client notices. Streams report their own errors as events.
            return
        rendered = error_rendering.render(error)
        headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in rendered.headers]
        headers.append((b"content-length", str(len(rendered.body)).encode()))
        await self.send({"type": "http.response.start", "status": rendered.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": rendered.body})

    def record(self, code: str | None) -> RequestRecord:
        """The facts of the request until now. `code`: the error's, or None."""
        return RequestRecord(
            method=self._scope["method"],
            route=getattr(self._scope.get("route"), "path", None),
            status=self._status,
            code=code,
            bytes_in=self._bytes_in,
            bytes_out=self._bytes_out,
            first_byte_s=self._first_byte_s,
            duration_s=time.monotonic() - self._started,
        )

    def log(self, record: RequestRecord) -> None:
        """Write the request's one log line."""
        log.info(
            "request",
            request_id=self.request_id,
            method=record.method,
            route=record.route,
            status=record.status,
            code=record.code,
            ms=int(record.duration_s * 1000),
            bytes_in=record.bytes_in,
            bytes_out=record.bytes_out,
            engine=self._engine,
            **self._scope[_LOGGED],
        )


async def _unknown_url(scope: Scope, _receive: Receive, _send: Send) -> None:
    raise errors.unknown_url(scope["method"], scope["path"])


def _from_starlette(error: HTTPException, scope: MutableMapping[str, Any]) -> DomicileError:
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "another method")
        return http_errors.method_not_allowed(scope["method"], allowed)
    return errors.unknown_url(scope["method"], scope["path"])


def _raised_at(error: Exception) -> str | None:
    """File and line of the innermost frame: enough to find the defect, and no content."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return None if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
