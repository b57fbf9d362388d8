"""A chat request as this engine reads it: a closed type, and a clear answer to everything outside it."""

import math
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from domicile_engines.models.smollm2.messages import Message, Part
from domicile_engines.runtime.errors import Refusal, invalid, unsupported
from domicile_engines.runtime.json_request import read_request

CHOICES_MAX = 8
_CHOICES_MAX_OF_THE_API = 128

_TEXT_ONLY = "This model reads and writes text only."
# What the API knows and this model cannot do. Saying so is the honest answer; ignoring it would look like obeying.
NOT_SERVED = {
    "reasoning_effort": "This model does not reason before it answers.",
    "verbosity": "This model cannot be told how much to write; ask for it in a message.",
    "audio": _TEXT_ONLY,
    "prediction": "This engine does not verify predicted output.",
    "web_search_options": "This engine has no tools of its own and reaches no network.",
    "logit_bias": "Token ids belong to a tokenizer, and this model's is not the one the API documents.",
}


class StreamOptions(Struct, forbid_unknown_fields=True):
    """`include_obfuscation` pads a public hop; behind a Unix socket there is nobody to hide lengths from."""

    include_usage: bool = False
    include_obfuscation: bool = False


class FunctionDefinition(Struct, forbid_unknown_fields=True):
    """A function that the model may call."""

    name: Annotated[str, Meta(pattern="^[a-zA-Z0-9_-]{1,64}$")]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(Struct, forbid_unknown_fields=True):
    """A tool; functions are the only kind that is served."""

    type: str
    function: FunctionDefinition | None = None
    custom: Any = None


class FunctionName(Struct, forbid_unknown_fields=True):
    """The function that must be called."""

    name: str


class ToolChoice(Struct, forbid_unknown_fields=True):
    """The tool that must be called."""

    type: str
    function: FunctionName | None = None
    custom: Any = None
    allowed_tools: Any = None


class JsonSchema(Struct, forbid_unknown_fields=True):
    """The shape that the answer must have."""

    name: Annotated[str, Meta(pattern="^[a-zA-Z0-9_-]{1,64}$")]
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class ResponseFormat(Struct, forbid_unknown_fields=True):
    """Text, any JSON object, or JSON of a given shape."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class ChatRequest(Struct, forbid_unknown_fields=True):
    """All that this engine serves of the chat API."""

    model: str
    messages: Annotated[list[Message], Meta(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    presence_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    seed: int | None = None
    stop: str | Annotated[list[str], Meta(max_length=4)] | None = None
    n: Annotated[int, Meta(ge=1, le=_CHOICES_MAX_OF_THE_API)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    tools: Annotated[list[Tool], Meta(max_length=128)] | None = None
    tool_choice: str | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    functions: Annotated[list[FunctionDefinition], Meta(min_length=1, max_length=128)] | None = None
    function_call: str | FunctionName | None = None
    response_format: ResponseFormat | None = None
    modalities: Any = None
    cache_salt: str | None = None
    priority: int | None = None

    @property
    def choices(self) -> int:
        """How many answers are wanted."""
        return self.n or 1

    @property
    def include_usage(self) -> bool:
        """Whether a stream ends with its usage."""
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def tokens_max(self) -> int | None:
        """The smaller of the two names for one limit."""
        given = [limit for limit in (self.max_tokens, self.max_completion_tokens) if limit is not None]
        return min(given) if given else None

    @property
    def stop_sequences(self) -> list[str]:
        """The stop sequences; an empty one would match everywhere and means nothing."""
        given = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return [sequence for sequence in given if sequence]


def decode(body: bytes) -> ChatRequest:
    """Read a request's body, or refuse it with the member that is wrong."""
    request = read_request(body, ChatRequest, NOT_SERVED)
    _check(request)
    return request


def _check(request: ChatRequest) -> None:
    check_sampling(request)
    if request.choices > CHOICES_MAX:
        raise unsupported("n", f"This engine gives at most {CHOICES_MAX} choices.")
    for index, message in enumerate(request.messages):
        content = message.content
        for place, part in enumerate(content if isinstance(content, list) else []):
            _check_part(part, f"messages[{index}].content[{place}]")


def check_sampling(request: ChatRequest) -> None:
    """What holds for every model: finite numbers, and no member that means nothing without another."""
    if request.modalities not in (None, ["text"]):
        raise unsupported("modalities", _TEXT_ONLY)
    if request.top_logprobs is not None and not request.logprobs:
        raise invalid("'top_logprobs' needs 'logprobs' to be true.", "top_logprobs")
    if request.stream_options is not None and not request.stream:
        raise invalid("'stream_options' needs 'stream' to be true.", "stream_options")
    for name in ("temperature", "top_p", "presence_penalty", "frequency_penalty"):
        value = getattr(request, name)
        if value is not None and not math.isfinite(value):
            raise invalid(f"'{name}' must be a finite number.", name)


def _check_part(part: Part, param: str) -> None:
    if part.type == "text" and part.text is not None:
        return
    if part.type == "refusal" and part.refusal is not None:
        return
    if part.type in ("text", "refusal"):
        raise invalid(f"Missing required parameter: '{param}.{part.type}'.", param, "missing_required_parameter")
    raise Refusal(400, "modality_not_supported", "This model reads text only.", param)
