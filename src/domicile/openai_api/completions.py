"""POST /v1/completions: the request, closed, and the reply (`CreateCompletionRequest`, OpenAI's specification 2.3.0)."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from domicile.kernel import errors
from domicile.openai_api.chat import Bias, Penalty, StreamOptions, TokenId
from domicile.openai_api.chat_reply import CompletionUsage, usage_in_chunk
from domicile.openai_api.closed import ModelRequest
from domicile.openai_api.engine_body import with_scheduling
from domicile.openai_api.lenient import REQUIRED_NULL, Lenient

MAX_PROMPTS = 2048
MAX_COMPLETIONS = 2048
"""Maximum of prompts times `n` or `best_of` in a request. The specification bounds each factor, but not the product."""

Token = Annotated[int, Meta(ge=0, le=2**31 - 1)]
DEFAULT_MAX_TOKENS = 16
"""Of a request that sets no `max_tokens`, as the specification says."""
_FINISH_REASONS = frozenset({"stop", "length", "content_filter"})


class CompletionRequest(ModelRequest, frozen=True, kw_only=True):
    """The request, with every member that the API allows.

    `prompt`: a text, a list of texts, the token ids of one text, or a list of such lists. Null begins a new document.
    """

    prompt: str | Annotated[list[str | Token | list[Token]], Meta(min_length=1)] | None
    best_of: Annotated[int, Meta(ge=0, le=20)] | None = None
    echo: bool | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[TokenId, Bias] | None = None
    logprobs: Annotated[int, Meta(ge=0, le=5)] | None = None
    max_tokens: Annotated[int, Meta(ge=0)] | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    presence_penalty: Penalty | None = None
    seed: int | None = None
    stop: str | Annotated[list[str], Meta(max_length=4)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    suffix: str | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    user: str | None = None

    @property
    def prompts(self) -> int:
        """How many texts are completed, apart from `n`."""
        is_several = isinstance(self.prompt, list) and not isinstance(self.prompt[0], int)
        return len(self.prompt) if is_several and self.prompt is not None else 1

    @property
    def streams(self) -> bool:
        """Whether the caller wants a stream."""
        return self.stream is True

    @property
    def wants_usage_in_stream(self) -> bool:
        """Whether the caller wants a last chunk with the usage."""
        return isinstance(self.stream_options, StreamOptions) and self.stream_options.include_usage is True


class CompletionLogprobs(Lenient, frozen=True):
    """The log probabilities of a completion's tokens, as parallel lists. The first token of an echoed prompt has none."""

    text_offset: list[int] | None = None
    token_logprobs: list[float | None] | None = None
    tokens: list[str] | None = None
    top_logprobs: list[dict[str, float] | None] | None = None


class CompletionChoice(Lenient, frozen=True):
    """One completion, or a piece of it."""

    index: int
    text: str
    finish_reason: str | None = field(default_factory=REQUIRED_NULL)
    logprobs: CompletionLogprobs | None = field(default_factory=REQUIRED_NULL)


class Completion(Lenient, frozen=True):
    """A whole reply or one event of a stream, which have the same shape."""

    id: str
    created: int
    model: str
    choices: list[CompletionChoice]
    object: str = field(default_factory=lambda: "text_completion")
    system_fingerprint: str | None = None
    usage: CompletionUsage | UnsetType | None = UNSET


def check_completion_request(request: CompletionRequest) -> None:
    """Check the rules that types cannot express. Raises `DomicileError` 400 that names the member."""
    if request.stream_options and not request.streams:
        raise errors.invalid_value("'stream_options' is only allowed when 'stream' is true.", "stream_options")
    if isinstance(request.best_of, int):
        if request.best_of < (request.n or 1):
            raise errors.invalid_value("'best_of' must be at least 'n'.", "best_of")
        if request.streams and request.best_of > (request.n or 1):
            raise errors.invalid_value("'best_of' must not be greater than 'n' when 'stream' is true.", "best_of")
    if isinstance(request.prompt, list):
        _check_prompts(request.prompt)
    prompts = len(request.prompt) if isinstance(request.prompt, list) and not isinstance(request.prompt[0], int) else 1
    made = prompts * max(request.n or 1, request.best_of or 1)
    if made > MAX_COMPLETIONS:
        raise errors.invalid_value(
            f"The texts of 'prompt' times 'n' or 'best_of' are {made} completions: at most {MAX_COMPLETIONS}.",
            "prompt",
        )


def _check_prompts(given: list[str | int | list[int]]) -> None:
    kind = type(given[0])
    if kind is not int and len(given) > MAX_PROMPTS:
        raise errors.invalid_value(f"'prompt' has {len(given)} texts: send at most {MAX_PROMPTS} at a time.", "prompt")
    for index, each in enumerate(given):
        if type(each) is not kind:
            raise errors.invalid_type(
                "'prompt' must be of one kind: texts, tokens, or lists of tokens.", f"prompt[{index}]"
            )
        if each == []:
            raise errors.invalid_type(f"'prompt[{index}]' must be a list of at least one token.", f"prompt[{index}]")


def encode_for_engine(
    request: CompletionRequest, *, model: str, cache_salt: str | None = None, priority: int | None = None
) -> bytes:
    """Encode the parsed request for an engine, without `user`. `model`: the engine's own name for the model.

    A stream always includes the usage, because it is metered.
    """
    body = msgspec.json.encode(
        msgspec.structs.replace(
            request,
            model=model,
            stream=request.streams,
            stream_options=StreamOptions(include_usage=True) if request.streams else None,
            user=None,
        )
    )
    return with_scheduling(body, cache_salt=cache_salt, priority=priority)


_REPLY = msgspec.json.Decoder(Completion)


def decode_reply(data: bytes) -> Completion:
    """Decode an engine's reply, or the data of one event of its stream. Raises ValueError."""
    return _REPLY.decode(data)


def encode_completion(reply: Completion, *, model: str) -> bytes:
    """Encode a whole reply for the caller. `model`: the requested snapshot."""
    choices = [_ended(choice) for choice in reply.choices]
    usage = reply.usage or UNSET
    return msgspec.json.encode(
        msgspec.structs.replace(reply, model=model, object="text_completion", choices=choices, usage=usage)
    )


def encode_chunk(chunk: Completion, *, model: str, include_usage: bool) -> bytes:
    """Encode one event for the caller. `model`: the requested snapshot. `include_usage`: whether the caller wants usage."""
    usage = usage_in_chunk(chunk.usage, include_usage=include_usage)
    choices = [_ended(choice) if choice.finish_reason is not None else choice for choice in chunk.choices]
    return msgspec.json.encode(
        msgspec.structs.replace(chunk, model=model, object="text_completion", choices=choices, usage=usage)
    )


def _ended(choice: CompletionChoice) -> CompletionChoice:
    """The choice, with `stop` for an unknown finish reason such as "abort" or "eos", on which typed clients fail."""
    if choice.finish_reason in _FINISH_REASONS:
        return choice
    return msgspec.structs.replace(choice, finish_reason="stop")
