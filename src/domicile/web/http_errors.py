"""Errors of HTTP itself: heads, bodies, methods. `kernel.errors` states the rules for their texts."""

from domicile.kernel.errors import Category, DomicileError


def missing_key() -> DomicileError:
    """401 for no key, or an Authorization header that is not a bearer token."""
    return DomicileError(
        Category.UNAUTHENTICATED,
        "invalid_api_key",
        "You didn't provide an API key. Send it in the Authorization header: 'Authorization: Bearer YOUR_KEY'.",
    )


def conflicting_keys() -> DomicileError:
    """401 for different keys in `Authorization` and `api-key`."""
    return DomicileError(
        Category.UNAUTHENTICATED,
        "invalid_api_key",
        "The Authorization and api-key headers name different API keys. Send one key, in one header.",
    )


def invalid_json(message: str) -> DomicileError:
    """400. `message` says what is wrong, without a full stop and without the body's content."""
    return DomicileError(
        Category.INVALID, "invalid_json", f"We could not parse the JSON body of your request: {message}."
    )


def too_large(limit_bytes: int, param: str | None = None) -> DomicileError:
    """413. `param`: the member that is too large, or that makes the body too large. None for the body itself."""
    what = "The body of this request" if param is None else f"'{param}'"
    message = f"{what} may have at most {limit_bytes} bytes. Send less in one request."
    return DomicileError(Category.TOO_LARGE, "request_too_large", message, param=param)


def headers_too_large(limit_bytes: int, limit_count: int) -> DomicileError:
    """431 for a head above either limit."""
    return DomicileError(
        Category.HEADERS_TOO_LARGE,
        "headers_too_large",
        f"The headers of a request may have at most {limit_bytes} bytes and {limit_count} fields.",
    )


def request_timeout() -> DomicileError:
    """408 for a head or body that did not arrive in time."""
    return DomicileError(
        Category.REQUEST_TIMEOUT, "request_timeout", "The request did not arrive whole in time. Send it again."
    )


def unsupported_media_type(expected: str) -> DomicileError:
    """415. `expected`: the media type to send."""
    return DomicileError(
        Category.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", f"Send this request as Content-Type: {expected}."
    )


def unsupported_content_encoding(encoding: str) -> DomicileError:
    """415 for a compressed body."""
    return DomicileError(
        Category.UNSUPPORTED_MEDIA_TYPE,
        "unsupported_content_encoding",
        f"Content-Encoding '{encoding}' is not supported. Send the body as it is, without this header.",
    )


def range_not_satisfiable(size_bytes: int) -> DomicileError:
    """416: the `Range` header asks for bytes that are not there."""
    return DomicileError(
        Category.RANGE_NOT_SATISFIABLE,
        "range_not_satisfiable",
        f"The range begins behind the end of the content, which has {size_bytes} bytes. Ask for a range inside of it.",
    )


def method_not_allowed(method: str, allowed: str) -> DomicileError:
    """405. `allowed`: the methods of the route, separated by commas."""
    return DomicileError(
        Category.METHOD_NOT_ALLOWED, "method_not_allowed", f"{method} is not allowed here. Use {allowed}."
    )


def internal_error() -> DomicileError:
    """500 for an unexpected exception. The text gives no details; the operator finds them in the log by the request id."""
    return DomicileError(
        Category.INTERNAL,
        "internal_error",
        "The server had an error while processing your request. Tell the operator the x-request-id of this answer.",
    )
