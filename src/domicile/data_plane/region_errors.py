"""Errors that only regions raise. `kernel.errors` states the rules for their texts."""

from datetime import UTC, datetime
from enum import StrEnum

from domicile.boundary.spending import NANODOLLARS
from domicile.kernel.errors import Category, DomicileError
from domicile.kernel.rate_limits import RateLimitStanding


def unsupported_by_model(param: str, instead: str | None) -> DomicileError:
    """400 in OpenAI's exact words: clients parse them to retry with `instead`. None: there is no replacement."""
    hint = "" if instead is None else f" Use '{instead}' instead."
    message = f"Unsupported parameter: '{param}' is not supported with this model.{hint}"
    return DomicileError(Category.INVALID, "unsupported_parameter", message, param=param)


def only_default_supported(param: str, value: str) -> DomicileError:
    """400 in OpenAI's words, for a number whose only supported value is 1."""
    return _unsupported_value(param, value, " Only the default (1) value is supported.")


def role_not_supported(param: str, role: str) -> DomicileError:
    """400 in OpenAI's words. `param`: the path of the role."""
    return _unsupported_value(param, f"'{role}'", "")


def _unsupported_value(param: str, value: str, hint: str) -> DomicileError:
    message = f"Unsupported value: '{param}' does not support {value} with this model.{hint}"
    return DomicileError(Category.INVALID, "unsupported_value", message, param=param)


def store_not_allowed(reason: str) -> DomicileError:
    """400 for `store: true`. `reason` completes the sentence and ends with a full stop."""
    return DomicileError(
        Category.INVALID, "store_not_allowed", f"'store' must not be true here: {reason}", param="store"
    )


def model_not_found(model: str) -> DomicileError:
    """404 for an unknown name, and for a model without an engine in this region."""
    return DomicileError(
        Category.NOT_FOUND,
        "model_not_found",
        f"The model '{model}' does not exist or you do not have access to it. GET /v1/models lists what you can use.",
        param="model",
    )


def model_not_permitted(project_id: str, model: str) -> DomicileError:
    """403 in OpenAI's words: the project's list of models does not allow this one."""
    return DomicileError(
        Category.FORBIDDEN,
        "model_not_found",
        f"Project `{project_id}` does not have access to model `{model}`. Use a model that GET /v1/models lists, or ask your "
        "organization's admin to change the project's model permissions.",
        param="model",
    )


def missing_scope(scope: str) -> DomicileError:
    """401 in OpenAI's words and with its status: the key is restricted, and may not do this."""
    return DomicileError(
        Category.UNAUTHENTICATED,
        "missing_scope",
        f"You have insufficient permissions for this operation. Missing scopes: {scope}. Use another key of the project, or "
        "ask your organization's admin for a key with this scope.",
    )


def ip_not_authorized() -> DomicileError:
    """401, OpenAI's status: the project's keys may not be used from the client's address."""
    return DomicileError(
        Category.UNAUTHENTICATED,
        "ip_not_authorized",
        "Your IP address is not on the IP allowlist of this project. Send the request from an allowed address, or ask your "
        "organization's admin to change the list.",
    )


def model_not_eligible(model: str, endpoint: str, region: str, eligible: list[str]) -> DomicileError:
    """400 for a known model that the catalogue does not allow for the endpoint in this region. `eligible`: those it allows."""
    names = ", ".join(eligible) if eligible else "none"
    return DomicileError(
        Category.INVALID,
        "model_not_eligible",
        f"The model '{model}' is not eligible for {endpoint} in region '{region}'. Eligible here: {names}.",
        param="model",
    )


def endpoint_not_eligible(endpoint: str, region: str) -> DomicileError:
    """400 for an endpoint that the catalogue does not allow in this region."""
    return DomicileError(Category.INVALID, "endpoint_not_eligible", f"{endpoint} is not eligible in region '{region}'.")


def modality_not_supported(param: str, message: str) -> DomicileError:
    """400 for images or audio that no engine of the model accepts. `message` is the whole text."""
    return DomicileError(Category.INVALID, "modality_not_supported", message, param=param)


def url_not_allowed(param: str, reason: str) -> DomicileError:
    """400 for a URL that is refused or could not be fetched. `reason` is the whole text."""
    return DomicileError(Category.INVALID, "url_not_allowed", reason, param=param)


def zdr_required(endpoint: str, region: str) -> DomicileError:
    """403 (contract C02)."""
    return DomicileError(
        Category.FORBIDDEN,
        "zdr_required",
        f"In region '{region}', {endpoint} needs Zero Data Retention approved for it. "
        "Ask the operator of this platform to approve the endpoint, or your admin to set the project's retention.",
    )


def enhanced_zdr_required(param: str, region: str, *, is_readable: bool) -> DomicileError:
    """400 (contract C03). `is_readable`: whether an engine of this region reads images for the model."""
    message = (
        f"In region '{region}', image inputs need enhanced Zero Data Retention. Remove the image, or ask your admin to "
    )
    message += "set the project's retention to an enhanced one after the operator has approved it."
    if not is_readable:
        message += " Even then, no engine of this region reads images for this model: name another model."
    return DomicileError(Category.INVALID, "enhanced_zdr_required", message, param=param)


def rate_limit_exceeded(message: str, retry_after_s: int) -> DomicileError:
    """429. `message` is the whole text."""
    return DomicileError(Category.RATE_LIMITED, "rate_limit_exceeded", message, retry_after_s=retry_after_s)


def rate_limited(
    model: str, limit_name: str, limit: int, used: int, requested: int, *, wait_s: float, standing: RateLimitStanding
) -> DomicileError:
    """429: a limit of the project has less left than the request may use."""
    return DomicileError(
        Category.RATE_LIMITED,
        "rate_limit_exceeded",
        f"Rate limit reached for {model} in your project on {limit_name}: Limit {limit}, Used {used}, Requested {requested}. "
        f"Please try again in {wait_s:.3f}s, or ask your organization's admin for a higher limit.",
        retry_after_s=wait_s,
        standing=standing,
    )


def request_over_rate_limit(
    model: str, limit_name: str, limit: int, requested: int, standing: RateLimitStanding
) -> DomicileError:
    """429 for a request that alone is more than the limit. Waiting does not help."""
    return DomicileError(
        Category.RATE_LIMITED,
        "rate_limit_exceeded",
        f"Request too large for {model} in your project on {limit_name}: Limit {limit}, Requested {requested}. "
        "Send a smaller input or set a smaller output, or ask your organization's admin for a higher limit.",
        is_final=True,
        standing=standing,
    )


def insufficient_quota(noun: str, owner_id: str, limit: int, resets_at_ms: int) -> DomicileError:
    """429 in OpenAI's code and type: a hard spending limit is reached. Waiting for seconds does not help.

    `noun`: project or organization. `limit`: in nanodollars. `resets_at_ms`: when the next month begins.
    """
    day = datetime.fromtimestamp(resets_at_ms / 1000, UTC).date()
    return DomicileError(
        Category.QUOTA_SPENT,
        "insufficient_quota",
        f"You exceeded your current quota: {noun} '{owner_id}' has reached its spending limit of ${limit / NANODOLLARS:,.2f} "
        f"for this month. Ask your organization's admin to raise the limit, or wait until {day} (UTC).",
        is_final=True,
    )


def scale_tier_not_allowed(model: str) -> DomicileError:
    """400 in OpenAI's words: the request insists on the scale tier, and its project has bought no capacity of the model."""
    return DomicileError(
        Category.INVALID,
        "service_tier_not_allowed",
        "Invalid service_tier argument: The requested service tier is not allowed for this project. It has no Scale Tier "
        f"entitlement for {model}: send 'auto' or 'default', or ask the operator of this platform for one.",
        param="service_tier",
    )


def scale_tier_not_in_batches() -> DomicileError:
    """400: a line of a batch insists on the scale tier."""
    return DomicileError(
        Category.INVALID,
        "service_tier_not_allowed",
        "Invalid service_tier argument: Batches run in the default tier. Leave it out, or send 'auto' or 'default'.",
        param="service_tier",
    )


def entitlement_used_up(
    model: str, limit_name: str, limit: int, used: int, requested: int, *, wait_s: float
) -> DomicileError:
    """429: the request insists on the scale tier, and no entitlement of the project has room for it now."""
    return DomicileError(
        Category.RATE_LIMITED,
        "rate_limit_exceeded",
        f"Scale Tier entitlement used up for {model} in your project on {limit_name}: Limit {limit}, Used {used}, Requested "
        f"{requested}. Please try again in {wait_s:.3f}s, or send service_tier 'auto' to use the default tier beyond it.",
        retry_after_s=wait_s,
    )


def engine_unavailable(retry_after_s: int = 1, *, busy: bool = False) -> DomicileError:
    """503, for engines that are down or, with `busy`, have no room in their queues."""
    why = "is busy" if busy else "is out of reach at the moment"
    return DomicileError(
        Category.UNAVAILABLE,
        "engine_unavailable",
        f"Every engine of this region that can answer for this model {why}. Try again shortly.",
        retry_after_s=retry_after_s,
    )


def engine_misconfigured() -> DomicileError:
    """503 for the operator's mistake: the engine refused its key, its model's name or the path."""
    return DomicileError(
        Category.UNAVAILABLE,
        "engine_misconfigured",
        "The engine for this model refused the platform's own request. Tell the operator of this platform.",
    )


def engine_timeout(retry_after_s: int = 1) -> DomicileError:
    """504."""
    return DomicileError(
        Category.TIMEOUT,
        "engine_timeout",
        "The engine for this model did not answer in time. Try again, with a shorter request if you can.",
        retry_after_s=retry_after_s,
    )


def storage_quota_exceeded(limit: str) -> DomicileError:
    """413: waiting does not help, so official clients must not retry. `limit`: a number with its unit."""
    return DomicileError(
        Category.TOO_LARGE,
        "storage_quota_exceeded",
        f"Your project may store {limit} in this region, and this would be more. Delete files that you no longer need, or let "
        "files expire by 'expires_after'.",
    )


def upload_full(limit: str) -> DomicileError:
    """413: the upload has all the parts that it may. `limit`: a number with its unit."""
    return DomicileError(
        Category.TOO_LARGE,
        "upload_full",
        f"This upload may have {limit}, and this would be more. Complete it with the parts that it has, or create a new one.",
    )


def content_unreadable() -> DomicileError:
    """503: the stored bytes or their key are missing or damaged."""
    return DomicileError(
        Category.UNAVAILABLE,
        "content_unreadable",
        "This content cannot be read: its key or its bytes are missing. Tell the operator the x-request-id of this answer.",
    )


class Unavailability(StrEnum):
    """Why a customer's own key or bucket cannot be used. The first three are outcomes of a check too."""

    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    NOT_OFFERED = "not_offered"
    CONTRADICTORY = "contradictory"
    """The snapshot names another key than the one that wrapped the project's key, or another organization's, or no bucket for a
    project that has objects in one."""


_KEY_REMEDIES = {
    Unavailability.REFUSED: (
        "its key service refuses it. Your organization must enable the key and let this platform's account use it"
    ),
    Unavailability.UNREACHABLE: (
        "its key service does not answer. Send the request again; if this lasts, your organization must ask its key service's "
        "provider"
    ),
    Unavailability.NOT_OFFERED: (
        "this region's operator has not configured its key service. Ask the operator to add its signing region"
    ),
    Unavailability.CONTRADICTORY: (
        "it is not the key that wrapped this project's key. Tell the operator the x-request-id of this answer"
    ),
}
_STORAGE_REMEDIES = {
    Unavailability.REFUSED: (
        "its service refuses it. Your organization must let this platform's account read, write and delete in the bucket"
    ),
    Unavailability.UNREACHABLE: (
        "its service does not answer. Send the request again; if this lasts, your organization must ask the bucket's provider"
    ),
    Unavailability.NOT_OFFERED: (
        "this region's operator has not configured its service. Ask the operator to add its signing region and country"
    ),
    Unavailability.CONTRADICTORY: (
        "the platform does not know it any more. Tell the operator the x-request-id of this answer"
    ),
}
_RETRY_OUTSIDE_S = 30
"""Someone has to act first, so a quick retry is in vain."""


def external_key_unavailable(reason: Unavailability) -> DomicileError:
    """503: the organization's own key cannot be used."""
    return DomicileError(
        Category.UNAVAILABLE,
        "external_key_unavailable",
        f"Your organization's own key opens this project's content, and {_KEY_REMEDIES[reason]}.",
        retry_after_s=_RETRY_OUTSIDE_S,
    )


def external_storage_unavailable(reason: Unavailability) -> DomicileError:
    """503: the organization's own bucket cannot be used."""
    return DomicileError(
        Category.UNAVAILABLE,
        "external_storage_unavailable",
        f"This project's content lies in your organization's own bucket, and {_STORAGE_REMEDIES[reason]}.",
        retry_after_s=_RETRY_OUTSIDE_S,
    )


def upload_not_pending(status: str) -> DomicileError:
    """409: the upload has ended."""
    return DomicileError(
        Category.CONFLICT, "upload_not_pending", f"This upload is {status}: nothing can change it. Create a new one."
    )


def no_streams_in_batches() -> DomicileError:
    """400 for a line of a batch with `stream: true`."""
    return DomicileError(
        Category.INVALID, "invalid_value", "'stream' must not be true in a batch. Remove it.", param="stream"
    )


def input_file_not_found(file_id: str) -> DomicileError:
    """404 for an unknown file, and for another project's."""
    return DomicileError(
        Category.NOT_FOUND,
        "not_found",
        f"No such File object: '{file_id}'. Upload the input with POST /v1/files first.",
        param="input_file_id",
    )


def batch_not_cancellable(status: str) -> DomicileError:
    """409 for a batch whose lines have all ended."""
    return DomicileError(
        Category.CONFLICT,
        "batch_not_cancellable",
        f"Cannot cancel a batch with status '{status}': its lines have ended. GET the batch for its files.",
    )


def idempotency_key_reused() -> DomicileError:
    """409 for an Idempotency-Key under which another request was sent."""
    return DomicileError(
        Category.CONFLICT,
        "idempotency_key_reused",
        "This Idempotency-Key was used for another request. Send a new request under a new key.",
    )
