"""Renders messages in ChatML, the format that the model was trained on."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UnsetType

from domicile.openai_api.chat_messages import (
    AssistantMessage,
    CalledFunction,
    DeveloperMessage,
    FunctionMessage,
    FunctionToolCall,
    Message,
    RefusalPart,
    SystemMessage,
    TextPart,
    ToolMessage,
)

# The token ids of `<|im_start|>` and `<|im_end|>`. The same letters in a message are tokenized as plain text, so a user
# cannot open a system turn.
TURN_BEGINS = 1
TURN_ENDS = 2

# The system message that the model was tuned with when a conversation has none.
_DEFAULT_INSTRUCTIONS = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"

Pieces = list[int | str]


def render(messages: Sequence[Message], addition: str = "") -> Pieces:
    """Render the prompt up to the start of the assistant's answer. `addition`: text to append to the system message."""
    instructions = "\n".join(text_of(m.content) for m in messages if isinstance(m, SystemMessage | DeveloperMessage))
    pieces = _turn("system", (instructions or _DEFAULT_INSTRUCTIONS) + addition)
    functions = _functions_by_call(messages)
    for message, following in zip(messages, [*messages[1:], None], strict=True):
        is_last_result = not isinstance(following, ToolMessage | FunctionMessage)
        match message:
            case SystemMessage() | DeveloperMessage():
                continue
            case AssistantMessage():
                pieces += _turn("assistant", _assistant(message))
            case ToolMessage():
                name = functions.get(message.tool_call_id, "")
                pieces += _turn("user", _result(name, text_of(message.content), is_last=is_last_result))
            case FunctionMessage():
                pieces += _turn("user", _result(message.name, message.content or "", is_last=is_last_result))
            case _:
                speaker = f"{message.name}: " if message.name else ""
                pieces += _turn("user", speaker + text_of(message.content))
    return [*pieces, TURN_BEGINS, "assistant\n"]


def text_of(content: str | Sequence[object] | UnsetType | None) -> str:
    """A message's text. Earlier refusals of the assistant count as text."""
    if content is None or isinstance(content, UnsetType):
        return ""
    if isinstance(content, str):
        return content
    return "\n".join(_part_text(part) for part in content if isinstance(part, TextPart | RefusalPart))


def _part_text(part: TextPart | RefusalPart) -> str:
    return part.text if isinstance(part, TextPart) else part.refusal


def _turn(role: str, text: str) -> Pieces:
    return [TURN_BEGINS, f"{role}\n{text}", TURN_ENDS, "\n"]


def _assistant(message: AssistantMessage) -> str:
    lines = [text_of(message.content) or message.refusal or ""]
    calls = [call.function for call in message.tool_calls or [] if isinstance(call, FunctionToolCall)]
    if message.function_call is not None:
        calls.append(message.function_call)
    lines += [_call(call) for call in calls]
    return "\n".join(filter(None, lines))


def _call(call: CalledFunction) -> str:
    """An earlier call as a sentence. Given as JSON, the model repeated the JSON in 22 of 24 answers."""
    try:
        arguments = msgspec.json.decode(call.arguments, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        # The token limit cut the JSON off, or the client wrote it.
        return f"Calling the tool {call.name} with {call.arguments}".removesuffix(" with ")
    if not arguments:
        return f"Calling the tool {call.name}"
    named = ", ".join(f"{name}: {_plain(value)}" for name, value in arguments.items())
    return f"Calling the tool {call.name} with {named}"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _result(name: str, text: str, *, is_last: bool) -> str:
    """A tool's result as a sentence. The last one asks the model to use it: 22 of 24 answers did, against 20 without."""
    sentence = f"The tool {name} returned: {text}" if name else f"The tool returned: {text}"
    return f"{sentence}\nAnswer me with this result." if is_last else sentence


def _functions_by_call(messages: Sequence[Message]) -> dict[str, str]:
    return {
        call.id: call.function.name
        for message in messages
        if isinstance(message, AssistantMessage)
        for call in message.tool_calls or []
        if isinstance(call, FunctionToolCall)
    }
