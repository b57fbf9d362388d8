"""What an error is, in no protocol's words, and the errors that several parts of Domicile raise.

Each situation has one function, so one text and one code (design 7). The message tells the caller what to do next. It may
repeat what the caller sent (a model's name), so errors are answered and never logged: logs name the code only. Errors of one
part stand beside it: `web.http_errors`, `control_plane.control_errors`, `data_plane.region_errors`.
"""

from enum import Enum


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


def invalid_key(key: str) -> DomicileError:
    """A key that is malformed, unknown, expired, revoked, or whose project is archived: one text for all of these.

    It shows the key's last four characters, and none of what is so short that they would be much of it.
    """
    last_four = key[-4:] if len(key) >= 16 else ""
    return DomicileError(
        Category.UNAUTHENTICATED,
        "invalid_api_key",
        f"Incorrect API key provided: ...{last_four}. Ask your organization's admin for a key of this project.",
    )


def incorrect_hostname(host: str) -> DomicileError:
    """Contract C12. Clients read the host from the end of this text, so nothing may follow it."""
    return DomicileError(
        Category.UNAUTHENTICATED,
        "incorrect_hostname",
        f"Attempted to access resource with incorrect regional hostname. Please make your request to {host}",
    )


def mismatched_project(header: str) -> DomicileError:
    return DomicileError(
        Category.UNAUTHENTICATED,
        "mismatched_project",
        f"The {header} header names another project or organization than the API key. Remove the header or correct it.",
    )


def forbidden(code: str, message: str) -> DomicileError:
    return DomicileError(Category.FORBIDDEN, code, message)


def invalid_request(message: str, *, param: str | None = None, code: str | None = None) -> DomicileError:
    return DomicileError(Category.INVALID, code, message, param=param)


def invalid_type(message: str, param: str | None) -> DomicileError:
    return DomicileError(Category.INVALID, "invalid_type", message, param=param)


def invalid_value(message: str, param: str | None) -> DomicileError:
    return DomicileError(Category.INVALID, "invalid_value", message, param=param)


def unknown_parameter(param: str) -> DomicileError:
    return DomicileError(
        Category.INVALID, "unknown_parameter", f"Unknown parameter: '{param}'. Remove it and try again.", param=param
    )


def missing_parameter(param: str) -> DomicileError:
    return DomicileError(
        Category.INVALID, "missing_required_parameter", f"Missing required parameter: '{param}'.", param=param
    )


def unsupported_parameter(param: str, reason: str) -> DomicileError:
    return DomicileError(
        Category.INVALID, "unsupported_parameter", f"Unsupported parameter: '{param}'. {reason}", param=param
    )


def unknown_url(method: str, path: str) -> DomicileError:
    return DomicileError(Category.NOT_FOUND, "unknown_url", f"Invalid URL ({method} {path}).")


def not_found(noun: str, identifier: str) -> DomicileError:
    """Absent, or somebody else's: the two must look the same."""
    return DomicileError(Category.NOT_FOUND, "not_found", f"No such {noun}: '{identifier}'.")


def invalid_file(param: str, reason: str) -> DomicileError:
    """A file whose content is not what it claims to be. `reason` is a sentence, and quotes nothing of the file."""
    return DomicileError(Category.INVALID, "invalid_file", f"Invalid file in '{param}'. {reason}", param=param)


def enterprise_agreement_required(region: str) -> DomicileError:
    """Contract C01."""
    return DomicileError(
        Category.FORBIDDEN,
        "enterprise_agreement_required",
        f"Region '{region}' needs an Enterprise agreement, which your organization does not have. "
        "Ask the operator of this platform to record it.",
    )


def zdr_eligibility_required(region: str) -> DomicileError:
    """Contract C01."""
    return DomicileError(
        Category.FORBIDDEN,
        "zdr_eligibility_required",
        f"Region '{region}' needs eligibility for Zero Data Retention, which your organization does not have. "
        "Ask the operator of this platform to record it.",
    )


def agreement_and_zdr_required(region: str) -> DomicileError:
    """Contract C01, when both are missing: the code is that of the first, the text names both."""
    return DomicileError(
        Category.FORBIDDEN,
        "enterprise_agreement_required",
        f"Region '{region}' needs an Enterprise agreement and eligibility for Zero Data Retention; your organization has "
        "neither. Ask the operator of this platform to record them.",
    )


def service_unavailable(message: str, retry_after_s: int = 1) -> DomicileError:
    return DomicileError(Category.UNAVAILABLE, "service_unavailable", message, retry_after_s=retry_after_s)
