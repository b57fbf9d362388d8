"""The parts of the chat API that the chat model and the vision model do not support."""

from collections.abc import Iterator

from domicile.kernel import errors
from domicile.openai_api.chat import PLATFORM_PARAMETERS, ChatCompletionRequest
from domicile.openai_api.chat_messages import (
    AssistantMessage,
    CustomToolCall,
    FunctionMessage,
    ImagePart,
    RefusalPart,
    TextPart,
    ToolMessage,
)
from domicile.openai_api.chat_tools import AllowedToolsChoice, CustomTool, TextResponse
from domicile_engines.endpoints.capability import refuse_members
from domicile_engines.models.vision.answering import MODEL_ID as VISION
from domicile_engines.models.vision.answering import PICTURES_MAX
from domicile_engines.runtime.engine_errors import modality_not_supported

CHOICES_MAX = 8

_TEXT_ONLY = "This model reads and writes text only."
_FUNCTIONS_ONLY = "This engine serves function tools only."
_NO_FUNCTIONS = "The embedded vision model calls no functions."
_NOT_SERVED = {
    "reasoning_effort": "This model does not reason before it answers.",
    "verbosity": "This model cannot be told how much to write; ask for it in a message.",
    "audio": _TEXT_ONLY,
    "prediction": "This engine does not verify predicted output.",
    "web_search_options": "This engine has no tools of its own and reaches no network.",
    "logit_bias": "Token ids belong to a tokenizer, and this model's is not the one the API documents.",
    "moderation": "This engine moderates at '/v1/moderations' only.",
    **dict.fromkeys(PLATFORM_PARAMETERS, "The platform handles it; an engine does not."),
}


def check_capability(request: ChatCompletionRequest) -> None:
    """Raises `DomicileError` 400 for anything that the requested model does not support."""
    refuse_members(request, _NOT_SERVED)
    if request.modalities not in (None, ["text"]):
        raise errors.unsupported_parameter("modalities", _TEXT_ONLY)
    if request.model == VISION:
        _check_vision(request)
    else:
        _check_chat(request)


def _check_chat(request: ChatCompletionRequest) -> None:
    if (request.n or 1) > CHOICES_MAX:
        raise errors.unsupported_parameter("n", f"This engine gives at most {CHOICES_MAX} choices.")
    for index, tool in enumerate(request.tools or ()):
        if isinstance(tool, CustomTool):
            raise errors.unsupported_parameter(f"tools[{index}].type", _FUNCTIONS_ONLY)
    if isinstance(request.tool_choice, AllowedToolsChoice):
        raise errors.unsupported_parameter("tool_choice.type", _FUNCTIONS_ONLY)
    for index, message in enumerate(request.messages):
        for place, call in enumerate(_calls(message)):
            if isinstance(call, CustomToolCall):
                raise errors.unsupported_parameter(f"messages[{index}].tool_calls[{place}].type", _FUNCTIONS_ONLY)
    for path, _ in _beyond_text(request):
        raise modality_not_supported("This model reads text only.", path)


def _check_vision(request: ChatCompletionRequest) -> None:
    if (request.n or 1) > 1:
        raise errors.unsupported_parameter("n", "The embedded vision model gives one answer at a time.")
    if request.logprobs:
        raise errors.unsupported_parameter("logprobs", "The embedded vision model gives no log probabilities.")
    if request.response_format is not None and not isinstance(request.response_format, TextResponse):
        raise errors.unsupported_parameter("response_format", "The embedded vision model writes plain text only.")
    for name in ("tools", "functions"):
        if getattr(request, name):
            raise errors.unsupported_parameter(name, _NO_FUNCTIONS)
    for index, message in enumerate(request.messages):
        if isinstance(message, ToolMessage | FunctionMessage) or _calls(message):
            raise errors.unsupported_parameter(f"messages[{index}]", _NO_FUNCTIONS)
    pictures = 0
    for path, part in _beyond_text(request):
        if not isinstance(part, ImagePart):
            raise modality_not_supported("This model reads text and images only, and images only from the user.", path)
        pictures += 1
    if pictures > PICTURES_MAX:
        raise errors.invalid_value(f"A request can have at most {PICTURES_MAX} images.", "messages")


def _calls(message: object) -> list[object]:
    if not isinstance(message, AssistantMessage):
        return []
    return [*(message.tool_calls or ()), *([message.function_call] if message.function_call else ())]


def _beyond_text(request: ChatCompletionRequest) -> Iterator[tuple[str, object]]:
    """Each message part that is not text, with its path. Includes the audio of earlier assistant messages."""
    for index, message in enumerate(request.messages):
        if isinstance(message, AssistantMessage) and message.audio is not None:
            yield f"messages[{index}].audio", message.audio
        parts = message.content if isinstance(message.content, list) else []
        for place, part in enumerate(parts):
            if not isinstance(part, TextPart | RefusalPart):
                yield f"messages[{index}].content[{place}]", part
