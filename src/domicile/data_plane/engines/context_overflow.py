"""How engines say that an input is too long for their context, and how a caller is told.

Clients find out by patterns whether to trim a conversation, so the text is one that they know: OpenAI's own. Of an engine's
reply only integers are taken; the rest of its text may hold hosts, paths or what the caller sent.
"""

import re
from dataclasses import dataclass

from domicile.kernel import errors
from domicile.kernel.errors import DomicileError

_SEARCHED = 2_000
_COUNT_MAX = 2**31

CODES = frozenset({"context_length_exceeded", "exceed_context_size_error", "request_too_large"})

_NUMBERS = {"LIMIT": "limit", "INPUT": "input", "OUTPUT": "output", "TOTAL": "total"}


def _wording(text: str) -> re.Pattern[str]:
    """A wording with names in capitals in the place of its numbers. TOTAL: input and wanted output together."""
    for name, group in _NUMBERS.items():
        text = text.replace(name, rf"(?P<{group}>\d+)")
    return re.compile(text, re.IGNORECASE)


# As the engines print them, those that tell more before those that tell less.
_WORDINGS = tuple(
    _wording(text)
    for text in (
        # OpenAI and Azure OpenAI, of newer models.
        r"exceed the configured limit of LIMIT tokens\. Your \w+ resulted in INPUT tokens",
        # OpenAI, Azure OpenAI and vLLM: chat has "in the messages, 5 in", completions have "in your prompt; 5 for".
        r"maximum context length is LIMIT tokens[,.] however,? you requested TOTAL tokens"
        r" \(INPUT in (?:the|your) \w+[,;] OUTPUT (?:in|for) the completion\)",
        r"maximum context length is LIMIT tokens\. However, your \w+ resulted in INPUT",
        # vLLM.
        r"maximum context length is LIMIT tokens\. However, you requested OUTPUT output tokens"
        r" and your prompt contains (?:at least )?INPUT input tokens",
        r"maximum context length is LIMIT tokens\. However, your request has INPUT input tokens",
        r"max_(?:completion_)?tokens' is too large: OUTPUT\. This model's maximum context length is LIMIT tokens"
        r" and your request has INPUT input tokens",
        r"You passed INPUT input tokens and requested OUTPUT output tokens\."
        r" However, the model's context length is only LIMIT tokens",
        r"prompt \(length INPUT\) is longer than the maximum model length of LIMIT",
        # SGLang.
        r"The input \(INPUT tokens\) is longer than the model's context length \(LIMIT tokens\)",
        r"maximum context length of LIMIT tokens\. You requested a total of TOTAL tokens:"
        r" INPUT tokens from the input messages and OUTPUT tokens for the completion",
        r"Input length \(INPUT tokens\) exceeds the maximum allowed length \(LIMIT tokens\)",
        # llama-server.
        r"request \(INPUT tokens\) exceeds the available context size \(LIMIT tokens\)",
        r"exceeds the available context size",
        # TGI.
        r"`inputs` tokens \+ `max_new_tokens` must be <= LIMIT\. Given: INPUT `inputs` tokens and OUTPUT `max_new_tokens`",
        r"`inputs` must have less than LIMIT tokens\. Given: INPUT",
        # The engine that comes with Domicile, which does not count what is far too long. Else it has OpenAI's words.
        r"exceed the configured limit of LIMIT tokens",
        # Whatever else tells of OpenAI's limit.
        r"maximum context length is LIMIT tokens",
    )
)


@dataclass(frozen=True, slots=True)
class Overflow:
    """What is known of an input that is too long, in tokens."""

    limit: int | None = None
    input: int | None = None
    output: int | None = None


def overflow_in(message: str) -> Overflow | None:
    """What an engine's message says of an overflow; None when it speaks of something else."""
    for wording in _WORDINGS:
        found = wording.search(message, 0, _SEARCHED)
        if found is not None:
            given = found.groupdict()
            return Overflow(_count(given.get("limit")), _count(given.get("input")), _count(given.get("output")))
    return None


def overflow_error(overflow: Overflow, param: str) -> DomicileError:
    """400 `context_length_exceeded`. `param`: the member that holds the input, or a path within it."""
    noun = param.partition("[")[0]
    limit, given, output = overflow.limit, overflow.input, overflow.output
    if limit is None or given is None:
        known = "" if limit is None else f" of {limit} tokens"
        text = f"Input tokens exceed the configured limit{known}. Please reduce the length of the {noun}."
    elif given <= limit and output is not None:
        # The input alone would fit.
        text = (
            f"This model's maximum context length is {limit} tokens. However, you requested {given + output} tokens "
            f"({given} in the {noun}, {output} in the completion). Please reduce the length of the {noun} or completion."
        )
    else:
        text = (
            f"Input tokens exceed the configured limit of {limit} tokens. Your {noun} resulted in {given} tokens. "
            f"Please reduce the length of the {noun}."
        )
    return errors.invalid_request(text, param=param, code="context_length_exceeded")


def _count(digits: str | None) -> int | None:
    if digits is None or len(digits) > 10:
        return None
    count = int(digits)
    return count if count <= _COUNT_MAX else None
