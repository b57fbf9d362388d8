"""Errors of the embedded engines, one function for each. A text never quotes the request (rules: `kernel.errors`)."""

import re

from domicile.kernel.errors import Category, DomicileError

_RETRY_AFTER_S = 2
_RELOAD_AFTER_S = 5


def too_long(param: str, limit: int, tokens: int | None = None) -> DomicileError:
    """The input exceeds the model's context. The text is OpenAI's, because clients match it before they trim a conversation.

    `tokens`: the input's length; None if it was refused by its characters, before tokens were counted.
    """
    noun = re.split(r"[.\[]", param)[0]
    counted = "" if tokens is None else f" Your {noun} resulted in {tokens} tokens."
    text = (
        f"Input tokens exceed the configured limit of {limit} tokens.{counted} Please reduce the length of the {noun}."
    )
    return DomicileError(Category.INVALID, "context_length_exceeded", text, param=param)


def modality_not_supported(message: str, param: str) -> DomicileError:
    """The model does not accept the kind of content at `param`, such as audio."""
    return DomicileError(Category.INVALID, "modality_not_supported", message, param=param)


def url_not_allowed(param: str) -> DomicileError:
    """The image at `param` is not a data URL. An engine fetches no addresses."""
    text = f"'{param}' must be a data URL of a PNG, JPEG, WebP or GIF image."
    return DomicileError(Category.INVALID, "url_not_allowed", text, param=param)


def unenforceable_schema(param: str, reason: str) -> DomicileError:
    """This engine cannot enforce the schema at `param`. `reason`: a sentence that says why."""
    return DomicileError(
        Category.INVALID, "invalid_json_schema", f"Invalid schema for '{param}': {reason}", param=param
    )


def other_model(served: str) -> DomicileError:
    """The request names a model that is not served at this path."""
    return DomicileError(Category.NOT_FOUND, "model_not_found", f"This engine serves '{served}' only.", param="model")


def queue_full() -> DomicileError:
    """The model's queue has no place left for the project."""
    return DomicileError(
        Category.RATE_LIMITED,
        "rate_limit_exceeded",
        "The engine's queue is full; try again later.",
        retry_after_s=_RETRY_AFTER_S,
    )


def loading() -> DomicileError:
    """The model is still loading after the engine's start."""
    return _unavailable("The model is loading.", 1)


def cannot_be_loaded() -> DomicileError:
    """The model does not load. The next request tries again; the log says why."""
    return _unavailable("The model cannot be loaded; try again later.", _RELOAD_AFTER_S)


def model_failed() -> DomicileError:
    """The model raised an unexpected error. The log has only its type."""
    return _unavailable("The model failed to answer.", 1)


def _unavailable(message: str, retry_after_s: int) -> DomicileError:
    return DomicileError(Category.UNAVAILABLE, "engine_unavailable", message, retry_after_s=retry_after_s)
