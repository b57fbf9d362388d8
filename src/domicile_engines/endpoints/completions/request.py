"""A completion request as this engine reads it."""

import math
from typing import Annotated, Any

from msgspec import Meta, Struct

from domicile_engines.models.cl100k_base import token_ids
from domicile_engines.models.smollm2.request import StreamOptions
from domicile_engines.runtime.errors import invalid, unsupported
from domicile_engines.runtime.json_request import read_request

COMPLETIONS_MAX = 32
"""Of one request: its prompts, times `n`."""
DOCUMENT_BEGINS = "<|endoftext|>"
"""What the API takes for the beginning of a new document. As the whole of a prompt only: within one it is text."""

_NOT_SERVED = {
    "suffix": "This model goes on with a text and cannot fill a gap in one.",
    "logit_bias": "Token ids belong to a tokenizer, and this model's is not the one the API documents.",
}


class CompletionRequest(Struct, forbid_unknown_fields=True):
    """All that this engine serves of the completions API."""

    model: str
    prompt: str | list[str | int | list[int]] | None = None
    max_tokens: Annotated[int, Meta(ge=0)] | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    best_of: Annotated[int, Meta(ge=0, le=20)] | None = None
    echo: bool | None = None
    logprobs: Annotated[int, Meta(ge=0, le=5)] | None = None
    stop: str | Annotated[list[str], Meta(max_length=4)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    presence_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    seed: int | None = None
    user: str | None = None
    cache_salt: str | None = None
    priority: int | None = None

    @property
    def for_each_prompt(self) -> int:
        """How many completions of each prompt are wanted."""
        return self.n or 1

    @property
    def include_usage(self) -> bool:
        """Whether a stream ends with its usage."""
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def stop_sequences(self) -> list[str]:
        """The stop sequences; an empty one would match everywhere and means nothing."""
        given = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return [sequence for sequence in given if sequence]


def decode(body: bytes) -> CompletionRequest:
    """Read a request's body, or refuse it with the member that is wrong."""
    request = read_request(body, CompletionRequest, _NOT_SERVED)
    _check(request)
    return request


def prompts(request: CompletionRequest) -> list[tuple[str, str]]:
    """Each prompt with what it is called in an error; empty for the beginning of a document.

    Token ids are those of cl100k_base, which is what the API documents for its models.
    """
    given = request.prompt
    if given is None or isinstance(given, str):
        return [("prompt", _text(given or "", "prompt"))]
    if not given:
        raise invalid("'prompt' must hold at least one text.", "prompt")
    if all(isinstance(item, int) for item in given):
        return [("prompt", _text(given, "prompt"))]
    if len({type(item) for item in given}) > 1:
        raise invalid("'prompt' must hold texts, or token ids, or lists of token ids, and not a mixture.", "prompt")
    return [(f"prompt[{index}]", _text(item, f"prompt[{index}]")) for index, item in enumerate(given)]


def _text(given: Any, param: str) -> str:
    text = token_ids.decode(given, param) if isinstance(given, list) else str(given)
    return "" if text == DOCUMENT_BEGINS else text


def _check(request: CompletionRequest) -> None:
    for name in ("temperature", "top_p", "presence_penalty", "frequency_penalty"):
        value = getattr(request, name)
        if value is not None and not math.isfinite(value):
            raise invalid(f"'{name}' must be a finite number.", name)
    if request.stream_options is not None and not request.stream:
        raise invalid("'stream_options' needs 'stream' to be true.", "stream_options")
    if request.best_of is not None and request.best_of < request.for_each_prompt:
        raise invalid("'best_of' must be at least 'n'.", "best_of")
    if request.best_of is not None and request.best_of > request.for_each_prompt:
        raise unsupported("best_of", "This engine writes no more completions than it returns: ask for as many as 'n'.")
    if request.echo and request.logprobs is not None:
        raise unsupported("echo", "This engine has no log probabilities of the prompt: leave out 'echo' or 'logprobs'.")
    count = len(request.prompt) if isinstance(request.prompt, list) and _are_several(request.prompt) else 1
    if count * request.for_each_prompt > COMPLETIONS_MAX:
        param = "n" if count == 1 else "prompt"
        raise unsupported(param, f"This engine gives at most {COMPLETIONS_MAX} completions for one request.")


def _are_several(given: list[str | int | list[int]]) -> bool:
    return not all(isinstance(item, int) for item in given)
