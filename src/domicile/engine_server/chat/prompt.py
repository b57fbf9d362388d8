"""Messages as the model was trained to read them (ChatML)."""

from collections.abc import Sequence

from domicile.engine_server.chat.messages import (
    AssistantMessage,
    Content,
    DeveloperMessage,
    FunctionMessage,
    Message,
    SystemMessage,
    ToolMessage,
)

# The vocabulary's `<|im_start|>` and `<|im_end|>`. Sent as numbers: the same letters in a message stay letters, so
# no user can open a system turn.
TURN_BEGINS = 1
TURN_ENDS = 2

# The weights were tuned with this sentence in place of a missing system message.
_DEFAULT_INSTRUCTIONS = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"

Pieces = list[int | str]


def render(messages: Sequence[Message], addition: str = "") -> Pieces:
    """The prompt up to where the assistant's answer begins; `addition` closes the system message."""
    instructions = "\n".join(text_of(m.content) for m in messages if isinstance(m, SystemMessage | DeveloperMessage))
    pieces = _turn("system", (instructions or _DEFAULT_INSTRUCTIONS) + addition)
    functions = _functions_by_call(messages)
    for message in messages:
        match message:
            case SystemMessage() | DeveloperMessage():
                continue
            case AssistantMessage():
                pieces += _turn("assistant", _assistant(message))
            case ToolMessage():
                name = functions.get(message.tool_call_id, "the tool")
                pieces += _turn("user", f"Result of {name}: {text_of(message.content)}")
            case FunctionMessage():
                pieces += _turn("user", f"Result of {message.name}: {message.content or ''}")
            case _:
                speaker = f"{message.name}: " if message.name else ""
                pieces += _turn("user", speaker + text_of(message.content))
    return [*pieces, TURN_BEGINS, "assistant\n"]


def text_of(content: Content | None) -> str:
    """A message's text; what the model refused to say before is history like the rest."""
    if content is None or isinstance(content, str):
        return content or ""
    return "\n".join(part.text or part.refusal or "" for part in content)


def _turn(role: str, text: str) -> Pieces:
    return [TURN_BEGINS, f"{role}\n{text}", TURN_ENDS, "\n"]


def _assistant(message: AssistantMessage) -> str:
    said = [text_of(message.content) or message.refusal or ""]
    calls = [call.function for call in message.tool_calls or []]
    if message.function_call is not None:
        calls.append(message.function_call)
    said += [f'{{"name": "{call.name}", "arguments": {call.arguments}}}' for call in calls]
    return "\n".join(filter(None, said))


def _functions_by_call(messages: Sequence[Message]) -> dict[str, str]:
    return {
        call.id: call.function.name
        for message in messages
        if isinstance(message, AssistantMessage)
        for call in message.tool_calls or []
    }
