"""The one rendering of an error: OpenAI's envelope, its HTTP status and its headers."""

from dataclasses import dataclass

import msgspec

from domicile.kernel.errors import Category, DomicileError


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
