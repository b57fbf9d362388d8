"""Builds llama.cpp's chat request, which it renders with the vision model's own template."""

from typing import Any

from domicile.openai_api.chat import ChatCompletionRequest
from domicile.openai_api.chat_messages import (
    AssistantMessage,
    DeveloperMessage,
    ImagePart,
    Message,
    SystemMessage,
    UserMessage,
    UserPart,
)
from domicile_engines.models.smollm2.prompt import text_of
from domicile_engines.models.smollm2.sampling import sampling
from domicile_engines.models.vision.pictures import as_png
from domicile_engines.runtime.llama.stop import stop_sequences

_TOKENS = 512


def llama_body(request: ChatCompletionRequest) -> dict[str, Any]:
    """The request for llama.cpp's chat. Decodes images, which blocks: call it in a thread. Raises a 400 for a bad image."""
    body = {
        **sampling(request, alternatives=0),
        "messages": [_message(message, f"messages[{index}]") for index, message in enumerate(request.messages)],
        "max_tokens": request.max_completion_tokens or request.max_tokens or _TOKENS,
        "stop": stop_sequences(request.stop),
        "stream": True,
        "stream_options": {"include_usage": True},
        # All tenants share one slot, so no prompt may be cached.
        "cache_prompt": False,
        "reasoning_format": "none",
    }
    return body if request.seed is None else {**body, "seed": request.seed % 2**32}


def _message(message: Message, path: str) -> dict[str, Any]:
    match message:
        case SystemMessage() | DeveloperMessage():
            return {"role": "system", "content": text_of(message.content)}
        case UserMessage(content=list(parts)):
            content = [_part(part, f"{path}.content[{place}]") for place, part in enumerate(parts)]
            return {"role": "user", "content": content}
        case UserMessage() | AssistantMessage():
            return {"role": message.__struct_config__.tag, "content": text_of(message.content)}
    raise TypeError(f"the capability check should have refused {path}")


def _part(part: UserPart, path: str) -> dict[str, Any]:
    if isinstance(part, ImagePart):
        return {"type": "image_url", "image_url": {"url": as_png(part.image_url.url, f"{path}.image_url.url")}}
    return {"type": "text", "text": text_of([part])}
