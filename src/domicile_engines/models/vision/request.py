"""A chat request as the vision model reads it: text and pictures in, text out."""

from typing import Any

from domicile_engines.models.smollm2.messages import (
    AssistantMessage,
    DeveloperMessage,
    Message,
    Part,
    SystemMessage,
    UserMessage,
)
from domicile_engines.models.smollm2.prompt import text_of
from domicile_engines.models.smollm2.request import NOT_SERVED, ChatRequest, check_sampling
from domicile_engines.models.smollm2.sampling import sampling
from domicile_engines.models.vision.pictures import as_png
from domicile_engines.runtime.errors import Refusal, unsupported
from domicile_engines.runtime.json_request import read_request

PICTURES_MAX = 8
_TOKENS = 512
_NO_FUNCTIONS = "The embedded vision model calls no functions."


def decode(body: bytes) -> ChatRequest:
    """Read a request's body, or refuse it with the member that is wrong."""
    request = read_request(body, ChatRequest, NOT_SERVED)
    check_sampling(request)
    if request.choices > 1:
        raise unsupported("n", "The embedded vision model gives one answer at a time.")
    if request.logprobs:
        raise unsupported("logprobs", "The embedded vision model tells no log probabilities.")
    if request.response_format is not None and request.response_format.type != "text":
        raise unsupported("response_format", "The embedded vision model holds its answers to no shape.")
    for name in ("tools", "functions"):
        if getattr(request, name):
            raise unsupported(name, _NO_FUNCTIONS)
    pictures = sum(_pictures(message, f"messages[{index}]") for index, message in enumerate(request.messages))
    if pictures > PICTURES_MAX:
        raise Refusal(400, "invalid_value", f"At most {PICTURES_MAX} pictures can be sent at once.", "messages")
    return request


def for_llama(request: ChatRequest) -> dict[str, Any]:
    """The body for llama.cpp's own chat, which knows the model's template. Decodes pictures: not for the event loop."""
    body = {
        **sampling(request, alternatives=0),
        "messages": [_message(message, f"messages[{index}]") for index, message in enumerate(request.messages)],
        "max_tokens": request.tokens_max or _TOKENS,
        "stop": request.stop_sequences,
        "stream": True,
        "stream_options": {"include_usage": True},
        # One slot serves all tenants: nothing of a prompt may be found again.
        "cache_prompt": False,
        "reasoning_format": "none",
    }
    return body if request.seed is None else {**body, "seed": request.seed % 2**32}


def _message(message: Message, path: str) -> dict[str, Any]:
    match message:
        case SystemMessage() | DeveloperMessage():
            return {"role": "system", "content": text_of(message.content)}
        case AssistantMessage() if not (message.tool_calls or message.function_call):
            return {"role": "assistant", "content": text_of(message.content)}
        case UserMessage():
            if isinstance(message.content, str):
                return {"role": "user", "content": message.content}
            parts = [_part(part, f"{path}.content[{place}]") for place, part in enumerate(message.content)]
            return {"role": "user", "content": parts}
        case _:
            raise unsupported(path, _NO_FUNCTIONS)


def _part(part: Part, path: str) -> dict[str, Any]:
    if part.type == "image_url":
        return {"type": "image_url", "image_url": {"url": as_png(part.image_url["url"], f"{path}.image_url.url")}}
    return {"type": "text", "text": part.text or part.refusal or ""}


def _pictures(message: Message, path: str) -> int:
    """How many pictures a message holds. Raises `Refusal` for anything else than text and a user's pictures."""
    found = 0
    for place, part in enumerate(message.content if isinstance(message.content, list) else []):
        if part.type in ("text", "refusal") and getattr(part, part.type) is not None:
            continue
        url = part.image_url.get("url") if isinstance(part.image_url, dict) else None
        if part.type != "image_url" or not isinstance(url, str) or not isinstance(message, UserMessage):
            raise Refusal(
                400,
                "modality_not_supported",
                "This model reads text, and the user's pictures.",
                f"{path}.content[{place}]",
            )
        found += 1
    return found
