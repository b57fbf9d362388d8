"""Refusals that the protocol sends itself. The application never sees those requests."""

import http
from collections.abc import Sequence
from dataclasses import replace

import structlog

from domicile.kernel.errors import DomicileError
from domicile.kernel.ids import new_id
from domicile.web import error_rendering
from domicile.web.error_rendering import RenderedError

log = structlog.get_logger("http")


def make_refusal(error: DomicileError, headers: Sequence[tuple[str, str]]) -> RenderedError:
    """Render the error with a new request id and `headers`, and log it. The log line has nothing of the request."""
    rendered, request_id = error_rendering.render(error), new_id("req_")
    log.info("refused", request_id=request_id, status=rendered.status, code=rendered.code)
    return replace(rendered, headers=(*rendered.headers, ("x-request-id", request_id), *headers))


def encode_refusal(answer: RenderedError, *, to_head: bool) -> bytes:
    """The refusal's bytes, with `connection: close`. `to_head`: leave the body out, as the answer to HEAD."""
    status = http.HTTPStatus(answer.status)
    lines = [f"HTTP/1.1 {status.value} {status.phrase}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    lines += [f"content-length: {len(answer.body)}", "connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1") + (b"" if to_head else answer.body)
