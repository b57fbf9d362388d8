"""Errors of the engines themselves. See `kernel.errors` for the rules: a text never holds what a message says."""

import re

from domicile.kernel.errors import Category, DomicileError

_RETRY_AFTER_S = 2
_RELOAD_AFTER_S = 5


def too_long(param: str, limit: int, tokens: int | None = None) -> DomicileError:
    """An input that exceeds the model's context, in OpenAI's words, which clients look for before they trim a conversation.

    `tokens`: how many there are; None for an input that is refused by its length, before its tokens are counted.
    """
    noun = re.split(r"[.\[]", param)[0]
    counted = "" if tokens is None else f" Your {noun} resulted in {tokens} tokens."
    text = (
        f"Input tokens exceed the configured limit of {limit} tokens.{counted} Please reduce the length of the {noun}."
    )
    return DomicileError(Category.INVALID, "context_length_exceeded", text, param=param)


def modality_not_supported(message: str, param: str) -> DomicileError:
    return DomicileError(Category.INVALID, "modality_not_supported", message, param=param)


def url_not_allowed(param: str) -> DomicileError:
    """An address in the place of an image: an engine fetches nothing."""
    text = f"'{param}' must be a data URL of a PNG, JPEG, WebP or GIF image."
    return DomicileError(Category.INVALID, "url_not_allowed", text, param=param)


def unenforceable_schema(param: str, reason: str) -> DomicileError:
    """A schema that this engine will not promise to keep to."""
    return DomicileError(
        Category.INVALID, "invalid_json_schema", f"Invalid schema for '{param}': {reason}", param=param
    )


def other_model(served: str) -> DomicileError:
    """Another model than the one that is served at the path."""
    return DomicileError(Category.NOT_FOUND, "model_not_found", f"This engine serves '{served}' only.", param="model")


def queue_full() -> DomicileError:
    return DomicileError(
        Category.RATE_LIMITED,
        "rate_limit_exceeded",
        "The engine's queue is full; try again later.",
        retry_after_s=_RETRY_AFTER_S,
    )


def loading() -> DomicileError:
    return _unavailable("The model is loading.", 1)


def cannot_be_loaded() -> DomicileError:
    """A model that is asked for and does not load. It is tried again at the next request; the log says why."""
    return _unavailable("The model cannot be loaded; try again later.", _RELOAD_AFTER_S)


def model_failed() -> DomicileError:
    return _unavailable("The model failed to answer.", 1)


def _unavailable(message: str, retry_after_s: int) -> DomicileError:
    return DomicileError(Category.UNAVAILABLE, "engine_unavailable", message, retry_after_s=retry_after_s)
