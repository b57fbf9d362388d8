"""The error type, independent of a protocol, and the errors that several parts of Domicile raise.

Each situation has one function, so one text and one code (design 7). The message tells the caller what to do next. It may
repeat what the caller sent (a model's name), so it goes into the answer and never into a log: logs name the code only. Errors
of one part are in that part: `web.http_errors`, `control_plane.control_errors`, `data_plane.region_errors`.
"""

from enum import Enum

from domicile.kernel.rate_limits import RateLimitStanding


class Category(Enum):
    """The kind of an error, with its HTTP status and its type in OpenAI's API."""

    INVALID = (400, "invalid_request_error")
    UNAUTHENTICATED = (401, "invalid_request_error")
    FORBIDDEN = (403, "invalid_request_error")
    NOT_FOUND = (404, "invalid_request_error")
    METHOD_NOT_ALLOWED = (405, "invalid_request_error")
    REQUEST_TIMEOUT = (408, "invalid_request_error")
    CONFLICT = (409, "invalid_request_error")
    TOO_LARGE = (413, "invalid_request_error")
    UNSUPPORTED_MEDIA_TYPE = (415, "invalid_request_error")
    RANGE_NOT_SATISFIABLE = (416, "invalid_request_error")
    RATE_LIMITED = (429, "rate_limit_error")
    QUOTA_SPENT = (429, "insufficient_quota")
    HEADERS_TOO_LARGE = (431, "invalid_request_error")
    INTERNAL = (500, "server_error")
    UNAVAILABLE = (503, "service_unavailable_error")
    TIMEOUT = (504, "service_unavailable_error")


class DomicileError(Exception):
    """An error that is answered to the caller. `str()` gives the code alone, so that a stray log line holds no content."""

    def __init__(
        self,
        category: Category,
        code: str | None,
        message: str,
        *,
        param: str | None = None,
        retry_after_s: float | None = None,
        is_final: bool = False,
        standing: RateLimitStanding | None = None,
    ) -> None:
        """`is_final`: the same request sent again fails again. `standing`: where the caller stands at the rate limits."""
        super().__init__(code)
        self.category = category
        self.code = code
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s
        self.is_final = is_final
        self.standing = standing


def invalid_key(key: str) -> DomicileError:
    """401 for a key that is malformed, unknown, expired, revoked, or whose project is archived: one text for all of these.

    The text shows the last four characters of a key of 16 or more, and none of a shorter one.
    """
    last_four = key[-4:] if len(key) >= 16 else ""
    return DomicileError(
        Category.UNAUTHENTICATED,
        "invalid_api_key",
        f"Incorrect API key provided: ...{last_four}. Ask your organization's admin for a key of this project.",
    )


def incorrect_hostname(host: str) -> DomicileError:
    """401: the key belongs to another region (C12). Clients read the host from the end of the text: nothing may follow it."""
    return DomicileError(
        Category.UNAUTHENTICATED,
        "incorrect_hostname",
        f"Attempted to access resource with incorrect regional hostname. Please make your request to {host}",
    )


def mismatched_project(header: str) -> DomicileError:
    """401: the `OpenAI-Project` or `OpenAI-Organization` header contradicts the key."""
    return DomicileError(
        Category.UNAUTHENTICATED,
        "mismatched_project",
        f"The {header} header names another project or organization than the API key. Remove the header or correct it.",
    )


def forbidden(code: str, message: str) -> DomicileError:
    """403. `message` says what to do next."""
    return DomicileError(Category.FORBIDDEN, code, message)


def invalid_request(message: str, *, param: str | None = None, code: str | None = None) -> DomicileError:
    """400 for a request that no other function here describes. `param`: the member or header at fault."""
    return DomicileError(Category.INVALID, code, message, param=param)


def invalid_type(message: str, param: str | None) -> DomicileError:
    """400: a value is not of the required type. `param`: its path, such as `input[2]`."""
    return DomicileError(Category.INVALID, "invalid_type", message, param=param)


def invalid_value(message: str, param: str | None) -> DomicileError:
    """400: a value has the right type but is not allowed. `message` lists or describes the allowed values."""
    return DomicileError(Category.INVALID, "invalid_value", message, param=param)


def unknown_parameter(param: str) -> DomicileError:
    """400 for a name that the API does not have, so that a misspelt one is not ignored."""
    return DomicileError(
        Category.INVALID, "unknown_parameter", f"Unknown parameter: '{param}'. Remove it and try again.", param=param
    )


def missing_parameter(param: str) -> DomicileError:
    """400: a required parameter is absent."""
    return DomicileError(
        Category.INVALID, "missing_required_parameter", f"Missing required parameter: '{param}'.", param=param
    )


def unsupported_parameter(param: str, reason: str) -> DomicileError:
    """400 for a parameter of OpenAI's API that Domicile does not serve. `reason`: a sentence."""
    return DomicileError(
        Category.INVALID, "unsupported_parameter", f"Unsupported parameter: '{param}'. {reason}", param=param
    )


def unknown_url(method: str, path: str) -> DomicileError:
    """404 for a path that this listener does not serve."""
    return DomicileError(Category.NOT_FOUND, "unknown_url", f"Invalid URL ({method} {path}).")


def not_found(noun: str, identifier: str) -> DomicileError:
    """404 for an unknown object and for another organization's: the two must look the same."""
    return DomicileError(Category.NOT_FOUND, "not_found", f"No such {noun}: '{identifier}'.")


def invalid_file(param: str, reason: str) -> DomicileError:
    """400: a file's content is not what it claims to be. `reason`: a sentence that quotes nothing of the file."""
    return DomicileError(Category.INVALID, "invalid_file", f"Invalid file in '{param}'. {reason}", param=param)


def enterprise_agreement_required(region: str) -> DomicileError:
    """403: the organization lacks the Enterprise agreement that the region requires (C01)."""
    return DomicileError(
        Category.FORBIDDEN,
        "enterprise_agreement_required",
        f"Region '{region}' needs an Enterprise agreement, which your organization does not have. "
        "Ask the operator of this platform to record it.",
    )


def zdr_eligibility_required(region: str) -> DomicileError:
    """403: the organization lacks the eligibility for ZDR that the region requires (C01)."""
    return DomicileError(
        Category.FORBIDDEN,
        "zdr_eligibility_required",
        f"Region '{region}' needs eligibility for Zero Data Retention, which your organization does not have. "
        "Ask the operator of this platform to record it.",
    )


def agreement_and_zdr_required(region: str) -> DomicileError:
    """403: the organization lacks both (C01). The code is that of the Enterprise agreement, the text names both."""
    return DomicileError(
        Category.FORBIDDEN,
        "enterprise_agreement_required",
        f"Region '{region}' needs an Enterprise agreement and eligibility for Zero Data Retention; your organization has "
        "neither. Ask the operator of this platform to record them.",
    )


def service_unavailable(message: str, retry_after_s: int = 1) -> DomicileError:
    """503 with `Retry-After` in seconds: the same request may succeed later."""
    return DomicileError(Category.UNAVAILABLE, "service_unavailable", message, retry_after_s=retry_after_s)
