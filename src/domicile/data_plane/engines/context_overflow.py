"""Recognizes an engine's error for an input that exceeds its context, and translates it into OpenAI's.

Clients match OpenAI's text to decide whether to trim a conversation, so callers get that text. Only integers are taken from the
engine's message: the rest may hold hosts, paths or the caller's content.
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
    """A pattern for a message. LIMIT, INPUT, OUTPUT and TOTAL stand for its numbers; TOTAL is input plus requested output."""
    for name, group in _NUMBERS.items():
        text = text.replace(name, rf"(?P<{group}>\d+)")
    return re.compile(text, re.IGNORECASE)


# The engines' messages, those with more numbers before those with fewer.
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
        # The embedded engine, for an input so long that it does not count it. Otherwise it uses OpenAI's message.
        r"exceed the configured limit of LIMIT tokens",
        # Any other message with OpenAI's limit.
        r"maximum context length is LIMIT tokens",
    )
)


@dataclass(frozen=True, slots=True)
class Overflow:
    """The numbers of an overflow, in tokens. None: not known."""

    limit: int | None = None
    input: int | None = None
    output: int | None = None


def overflow_in(message: str) -> Overflow | None:
    """The overflow that an engine's message reports. None for any other message."""
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
        # The input fits; input and output together do not.
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
