"""Renders a `DomicileError` as an HTTP answer: OpenAI's error body, the status and headers."""

import math
from dataclasses import dataclass

import msgspec

from domicile.kernel.errors import Category, DomicileError
from domicile.web.rate_limit_headers import rate_limit_headers


@dataclass(frozen=True, slots=True)
class RenderedError:
    """An error as status, body and headers."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...]
    code: str | None = None
    """The error's code, for logs and metrics. A constant of the program, never the caller's text."""


def envelope(error: DomicileError) -> bytes:
    """The error as JSON: `{"error": {"message", "type", "param", "code"}}`. OpenAI's clients expect all four members always."""
    return msgspec.json.encode(
        {
            "error": {
                "message": error.message,
                "type": error.category.value[1],
                "param": error.param,
                "code": error.code,
            }
        }
    )


def render(error: DomicileError) -> RenderedError:
    """Render an error. All errors of both planes are rendered here.

    OpenAI's SDKs retry 409 and 504 unless `x-should-retry` is false. A retry cannot solve a conflict, and would make an engine
    that took minutes without an answer work twice more in vain.
    """
    headers: list[tuple[str, str]] = [("content-type", "application/json")]
    if error.retry_after_s is not None:
        headers.append(("retry-after", str(math.ceil(error.retry_after_s))))
        if error.retry_after_s % 1:
            # OpenAI's clients take it before the other one.
            headers.append(("retry-after-ms", str(math.ceil(error.retry_after_s * 1000))))
    if error.is_final or error.category in {Category.CONFLICT, Category.TIMEOUT}:
        headers.append(("x-should-retry", "false"))
    if error.category is Category.UNAUTHENTICATED:
        headers.append(("www-authenticate", "Bearer"))
    if error.standing is not None:
        headers.extend(rate_limit_headers(error.standing).items())
    return RenderedError(error.category.value[0], envelope(error), tuple(headers), error.code)
