"""Errors of HTTP itself: heads, bodies, methods. See `kernel.errors` for the rules."""

from domicile.kernel.errors import Category, DomicileError


def missing_key() -> DomicileError:
    return DomicileError(
        Category.UNAUTHENTICATED,
        "invalid_api_key",
        "You didn't provide an API key. Send it in the Authorization header: 'Authorization: Bearer YOUR_KEY'.",
    )


def conflicting_keys() -> DomicileError:
    return DomicileError(
        Category.UNAUTHENTICATED,
        "invalid_api_key",
        "The Authorization and api-key headers name different API keys. Send one key, in one header.",
    )


def invalid_json(message: str) -> DomicileError:
    return DomicileError(
        Category.INVALID, "invalid_json", f"We could not parse the JSON body of your request: {message}."
    )


def too_large(limit_bytes: int, param: str | None = None) -> DomicileError:
    """`param`: the member that is too large, or takes up nearly all of a request that is."""
    what = "The body of this request" if param is None else f"'{param}'"
    message = f"{what} may have at most {limit_bytes} bytes. Send less in one request."
    return DomicileError(Category.TOO_LARGE, "request_too_large", message, param=param)


def headers_too_large(limit_bytes: int, limit_count: int) -> DomicileError:
    return DomicileError(
        Category.HEADERS_TOO_LARGE,
        "headers_too_large",
        f"The headers of a request may have at most {limit_bytes} bytes and {limit_count} fields.",
    )


def request_timeout() -> DomicileError:
    return DomicileError(
        Category.REQUEST_TIMEOUT, "request_timeout", "The request did not arrive whole in time. Send it again."
    )


def unsupported_media_type(expected: str) -> DomicileError:
    return DomicileError(
        Category.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", f"Send this request as Content-Type: {expected}."
    )


def unsupported_content_encoding(encoding: str) -> DomicileError:
    return DomicileError(
        Category.UNSUPPORTED_MEDIA_TYPE,
        "unsupported_content_encoding",
        f"Content-Encoding '{encoding}' is not supported. Send the body as it is, without this header.",
    )


def method_not_allowed(method: str, allowed: str) -> DomicileError:
    return DomicileError(
        Category.METHOD_NOT_ALLOWED, "method_not_allowed", f"{method} is not allowed here. Use {allowed}."
    )


def internal_error() -> DomicileError:
    """Whatever nobody foresaw. The detail stays inside; the request id leads the operator to it."""
    return DomicileError(
        Category.INTERNAL,
        "internal_error",
        "The server had an error while processing your request. Tell the operator the x-request-id of this answer.",
    )
