"""What an error is, in no protocol's words, and its one rendering to OpenAI's envelope. Errors are made in `errors`."""

from dataclasses import dataclass
from enum import Enum

import msgspec


class Category(Enum):
    """What kind of thing went wrong. The rendering below gives each its HTTP status and OpenAI type."""

    INVALID = (400, "invalid_request_error")
    UNAUTHENTICATED = (401, "invalid_request_error")
    FORBIDDEN = (403, "invalid_request_error")
    NOT_FOUND = (404, "invalid_request_error")
    METHOD_NOT_ALLOWED = (405, "invalid_request_error")
    REQUEST_TIMEOUT = (408, "invalid_request_error")
    CONFLICT = (409, "invalid_request_error")
    TOO_LARGE = (413, "invalid_request_error")
    UNSUPPORTED_MEDIA_TYPE = (415, "invalid_request_error")
    RATE_LIMITED = (429, "rate_limit_error")
    HEADERS_TOO_LARGE = (431, "invalid_request_error")
    INTERNAL = (500, "server_error")
    UNAVAILABLE = (503, "service_unavailable_error")
    TIMEOUT = (504, "service_unavailable_error")


class DomicileError(Exception):
    """Something a caller did or met. `str()` gives the code alone, so that a stray log line holds no content."""

    def __init__(
        self,
        category: Category,
        code: str | None,
        message: str,
        *,
        param: str | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(code)
        self.category = category
        self.code = code
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class RenderedError:
    """An error as it goes over HTTP."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...]
    code: str | None = None
    """For counting: never a part of what the caller sent."""


def envelope(error: DomicileError) -> bytes:
    """`{"error": {"message", "type", "param", "code"}}`: all four members always, as OpenAI's clients expect."""
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
    """The one rendering.

    Official SDKs retry 409 and 504 by themselves. A conflict is final, and an engine that did not answer in minutes would be
    asked twice more for nothing: the header says so.
    """
    headers: list[tuple[str, str]] = [("content-type", "application/json")]
    if error.retry_after_s is not None:
        headers.append(("retry-after", str(error.retry_after_s)))
    if error.category in {Category.CONFLICT, Category.TIMEOUT}:
        headers.append(("x-should-retry", "false"))
    if error.category is Category.UNAUTHENTICATED:
        headers.append(("www-authenticate", "Bearer"))
    return RenderedError(error.category.value[0], envelope(error), tuple(headers), error.code)
