"""Every error that a caller can meet. What an error is, and its rendering, stand in `domicile_error`.

An error is made by one of the functions below, so that each situation has one text and one code (design 7). The message
tells the caller what to do next. It may hold what the caller sent (a model's name): so errors are answered, never logged;
logs name the code only.
"""

from domicile.kernel.domicile_error import Category as Category
from domicile.kernel.domicile_error import DomicileError as DomicileError
from domicile.kernel.domicile_error import RenderedError as RenderedError
from domicile.kernel.domicile_error import envelope as envelope
from domicile.kernel.domicile_error import render as render

# Who asks ------------------------------------------------------------------------------------------------------------


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


def admin_key_required() -> DomicileError:
    return DomicileError(
        Category.FORBIDDEN,
        "admin_key_required",
        "This endpoint takes an admin key (sk-admin-...), not a project's key.",
    )


def forbidden(code: str, message: str) -> DomicileError:
    return DomicileError(Category.FORBIDDEN, code, message)


# What is asked -------------------------------------------------------------------------------------------------------


def invalid_request(message: str, *, param: str | None = None, code: str | None = None) -> DomicileError:
    return DomicileError(Category.INVALID, code, message, param=param)


def invalid_json(message: str) -> DomicileError:
    return DomicileError(
        Category.INVALID, "invalid_json", f"We could not parse the JSON body of your request: {message}."
    )


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


def unsupported_by_model(param: str, instead: str | None) -> DomicileError:
    """OpenAI's text word for word: clients read it to send the replacement by themselves."""
    hint = "" if instead is None else f" Use '{instead}' instead."
    message = f"Unsupported parameter: '{param}' is not supported with this model.{hint}"
    return DomicileError(Category.INVALID, "unsupported_parameter", message, param=param)


def only_default_supported(param: str, value: str) -> DomicileError:
    """OpenAI's text, of a number whose only supported value is 1."""
    return _unsupported_value(param, value, " Only the default (1) value is supported.")


def role_not_supported(param: str, role: str) -> DomicileError:
    """OpenAI's text. `param`: the path of the role."""
    return _unsupported_value(param, f"'{role}'", "")


def _unsupported_value(param: str, value: str, hint: str) -> DomicileError:
    message = f"Unsupported value: '{param}' does not support {value} with this model.{hint}"
    return DomicileError(Category.INVALID, "unsupported_value", message, param=param)


def store_not_allowed(reason: str) -> DomicileError:
    return DomicileError(
        Category.INVALID, "store_not_allowed", f"'store' must not be true here: {reason}", param="store"
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


def unknown_url(method: str, path: str) -> DomicileError:
    return DomicileError(Category.NOT_FOUND, "unknown_url", f"Invalid URL ({method} {path}).")


def no_model_endpoint(method: str, path: str, hosts: list[str]) -> DomicileError:
    """A request for a region that reached the control plane. `hosts`: the regions' public hosts."""
    return DomicileError(
        Category.NOT_FOUND,
        "unknown_url",
        f"Invalid URL ({method} {path}). This host serves the Admin API. Requests to models go to the host of the "
        f"project's region: {', '.join(sorted(hosts))}.",
    )


def method_not_allowed(method: str, allowed: str) -> DomicileError:
    return DomicileError(
        Category.METHOD_NOT_ALLOWED, "method_not_allowed", f"{method} is not allowed here. Use {allowed}."
    )


def not_found(noun: str, identifier: str) -> DomicileError:
    """Absent, or somebody else's: the two must look the same."""
    return DomicileError(Category.NOT_FOUND, "not_found", f"No such {noun}: '{identifier}'.")


def conflict(code: str, message: str) -> DomicileError:
    return DomicileError(Category.CONFLICT, code, message)


# Models and residency ------------------------------------------------------------------------------------------------


def model_not_found(model: str) -> DomicileError:
    return DomicileError(
        Category.NOT_FOUND,
        "model_not_found",
        f"The model '{model}' does not exist or you do not have access to it. GET /v1/models lists what you can use.",
        param="model",
    )


def model_not_eligible(model: str, endpoint: str, region: str, eligible: list[str]) -> DomicileError:
    names = ", ".join(eligible) if eligible else "none"
    return DomicileError(
        Category.INVALID,
        "model_not_eligible",
        f"The model '{model}' is not eligible for {endpoint} in region '{region}'. Eligible here: {names}.",
        param="model",
    )


def endpoint_not_eligible(endpoint: str, region: str) -> DomicileError:
    return DomicileError(Category.INVALID, "endpoint_not_eligible", f"{endpoint} is not eligible in region '{region}'.")


def modality_not_supported(param: str, message: str) -> DomicileError:
    return DomicileError(Category.INVALID, "modality_not_supported", message, param=param)


def url_not_allowed(param: str, reason: str) -> DomicileError:
    return DomicileError(Category.INVALID, "url_not_allowed", reason, param=param)


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


def zdr_required(endpoint: str, region: str) -> DomicileError:
    """Contract C02."""
    return DomicileError(
        Category.FORBIDDEN,
        "zdr_required",
        f"In region '{region}', {endpoint} needs Zero Data Retention approved for it. "
        "Ask the operator of this platform to approve the endpoint, or your admin to set the project's retention.",
    )


def enhanced_zdr_required(param: str, region: str, *, is_readable: bool) -> DomicileError:
    """Contract C03. `is_readable`: whether an engine could read the image if the retention were set."""
    message = (
        f"In region '{region}', image inputs need enhanced Zero Data Retention. Remove the image, or ask your admin to "
    )
    message += "set the project's retention to an enhanced one after the operator has approved it."
    if not is_readable:
        message += " Even then, no engine of this region reads images for this model: name another model."
    return DomicileError(Category.INVALID, "enhanced_zdr_required", message, param=param)


def retention_required_by_region(region: str, followed_by: str | None = None) -> DomicileError:
    """`followed_by`: the project there for which an organization's value would have become the weaker one."""
    message = f"Region '{region}' requires Zero Data Retention; a weaker retention cannot be set there."
    if followed_by is not None:
        message += f" Project '{followed_by}' there follows the organization: give it a retention of its own first."
    return DomicileError(Category.FORBIDDEN, "retention_required_by_region", message, param="retention_type")


def zdr_eligibility_required_to_set(retention: str) -> DomicileError:
    return _not_granted("zdr_eligibility_required", retention, "eligibility for Zero Data Retention")


def enhanced_zdr_approval_required(retention: str) -> DomicileError:
    return _not_granted("enhanced_zdr_approval_required", retention, "an approval of enhanced Zero Data Retention")


def _not_granted(code: str, retention: str, needed: str) -> DomicileError:
    message = f"'{retention}' needs {needed}, which your organization does not have. Ask the operator to record it."
    return DomicileError(Category.FORBIDDEN, code, message, param="retention_type")


def residency_immutable() -> DomicileError:
    """Contract C10."""
    return DomicileError(
        Category.INVALID,
        "residency_immutable",
        "A project's region is fixed when it is created and can never be changed. Create a new project in the other region.",
        param="residency",
    )


def invalid_residency(message: str, param: str) -> DomicileError:
    return DomicileError(Category.INVALID, "invalid_residency", message, param=param)


# Limits and engines --------------------------------------------------------------------------------------------------


def rate_limit_exceeded(message: str, retry_after_s: int) -> DomicileError:
    return DomicileError(Category.RATE_LIMITED, "rate_limit_exceeded", message, retry_after_s=retry_after_s)


def engine_unavailable(retry_after_s: int = 1, *, busy: bool = False) -> DomicileError:
    why = "has as much to do as it may" if busy else "is out of reach at the moment"
    return DomicileError(
        Category.UNAVAILABLE,
        "engine_unavailable",
        f"Every engine of this region that can answer for this model {why}. Try again shortly.",
        retry_after_s=retry_after_s,
    )


def engine_misconfigured() -> DomicileError:
    return DomicileError(
        Category.UNAVAILABLE,
        "engine_misconfigured",
        "The engine for this model refused the platform's own request. Tell the operator of this platform.",
    )


def engine_timeout(retry_after_s: int = 1) -> DomicileError:
    return DomicileError(
        Category.TIMEOUT,
        "engine_timeout",
        "The engine for this model did not answer in time. Try again, with a shorter request if you can.",
        retry_after_s=retry_after_s,
    )


def service_unavailable(message: str, retry_after_s: int = 1) -> DomicileError:
    return DomicileError(Category.UNAVAILABLE, "service_unavailable", message, retry_after_s=retry_after_s)


def internal_error() -> DomicileError:
    """Whatever nobody foresaw. The detail stays inside; the request id leads the operator to it."""
    return DomicileError(
        Category.INTERNAL,
        "internal_error",
        "The server had an error while processing your request. Tell the operator the x-request-id of this answer.",
    )
