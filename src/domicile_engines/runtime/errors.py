"""What the engine answers when it does not serve a request: one exception, one rendering."""

import re
from dataclasses import dataclass
from typing import Any

import msgspec

_NAME_LENGTH_MAX = 64


# Not frozen: a context manager that it passes through writes its traceback.
@dataclass(eq=False)
class Refusal(Exception):  # noqa: N818 - the word of the domain, like `HTTPException`
    """A request that ends in an error; `message` is shown to the caller and never holds text of a message."""

    status: int
    code: str
    message: str
    param: str | None = None
    retry_after_seconds: int | None = None

    def __str__(self) -> str:
        return self.code


def invalid(message: str, param: str | None, code: str = "invalid_value") -> Refusal:
    """A request that is wrong in itself."""
    return Refusal(400, code, message, param)


def unsupported(param: str, reason: str) -> Refusal:
    """A request that is right, but asks for what this engine cannot do."""
    name = param[:_NAME_LENGTH_MAX]
    return Refusal(400, "unsupported_parameter", f"Unsupported parameter: '{name}'. {reason}", name)


def too_long(param: str, limit: int, tokens: int | None = None) -> Refusal:
    """An input that exceeds the model's context, in OpenAI's words, which clients look for before they trim a conversation.

    `tokens`: how many there are; None for an input that is refused by its length, before its tokens are counted.
    """
    noun = re.split(r"[.\[]", param)[0]
    counted = "" if tokens is None else f" Your {noun} resulted in {tokens} tokens."
    text = (
        f"Input tokens exceed the configured limit of {limit} tokens.{counted} Please reduce the length of the {noun}."
    )
    return Refusal(400, "context_length_exceeded", text, param)


def other_model(served: str) -> Refusal:
    """Another model than the one that is served at the path."""
    return Refusal(404, "model_not_found", f"This engine serves '{served}' only.", "model")


def cannot_be_loaded() -> Refusal:
    """A model that is asked for and does not load. It is tried again at the next request; the log says why."""
    return Refusal(503, "engine_unavailable", "The model cannot be loaded; try again later.", None, 5)


def envelope(refusal: Refusal) -> dict[str, Any]:
    """OpenAI's error object."""
    return {
        "error": {
            "message": refusal.message,
            "type": _type_of(refusal.status),
            "param": refusal.param,
            "code": refusal.code,
        }
    }


def body(refusal: Refusal) -> bytes:
    """The error object as it goes over the wire."""
    return msgspec.json.encode(envelope(refusal))


def _type_of(status: int) -> str:
    if status == 429:
        return "rate_limit_error"
    return "invalid_request_error" if status < 500 else "server_error"
