"""From a request to what will be generated: tools and shapes read, the prompt counted, the limits kept."""

from collections.abc import Sequence

from domicile_engines.models.smollm2 import prompt
from domicile_engines.models.smollm2.generation import Plan
from domicile_engines.models.smollm2.request import ChatRequest
from domicile_engines.models.smollm2.sampling import sampling
from domicile_engines.models.smollm2.tools import calling_of
from domicile_engines.runtime.errors import invalid, too_long
from domicile_engines.runtime.llama.schema import ANY_OBJECT, Schema, prepare
from domicile_engines.runtime.llama.server import Llama

# A small model may repeat itself without end; a caller who wants more says so.
_ANSWER_TOKENS = 512
# The vocabulary's longest token is 64 blanks. Counting the tokens of megabytes takes a minute, and everybody waits for it.
_TOKEN_CHARACTERS_MAX = 64


def check_length(pieces: Sequence[int | str], prompt_limit: int, param: str) -> None:
    """Raises a 400 for a prompt that cannot be within the limit, before its tokens are counted."""
    characters = sum(len(piece) for piece in pieces if isinstance(piece, str))
    if characters > prompt_limit * _TOKEN_CHARACTERS_MAX:
        raise too_long(param, prompt_limit)


async def make_plan(llama: Llama, request: ChatRequest, *, prompt_limit: int, context: int) -> Plan:
    """Decide everything that can be decided before the model is touched."""
    calling = calling_of(request)
    shape = _shape(request)
    pieces = prompt.render(request.messages, calling.instructions() if calling else "")
    check_length(pieces, prompt_limit, "messages")
    tokens = await llama.tokenize(pieces)
    if len(tokens) > prompt_limit:
        raise too_long("messages", prompt_limit, len(tokens))
    room = context - len(tokens)
    return Plan(
        prompt=tokens,
        tenant=request.cache_salt or None,
        tokens_max=min(request.tokens_max or _ANSWER_TOKENS, room),
        sampling=sampling(request, alternatives=max(1, request.top_logprobs or 0) if request.logprobs else 0),
        stop=request.stop_sequences,
        shape=shape,
        calling=calling,
    )


def _shape(request: ChatRequest) -> Schema | None:
    wanted = request.response_format
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return prepare(ANY_OBJECT, "response_format", strict=False)
    if wanted.json_schema is None:
        param = "response_format.json_schema"
        raise invalid(f"Missing required parameter: '{param}'.", param, "missing_required_parameter")
    param = "response_format.json_schema.schema"
    document = wanted.json_schema.schema if wanted.json_schema.schema is not None else ANY_OBJECT
    return prepare(document, param, strict=bool(wanted.json_schema.strict))
