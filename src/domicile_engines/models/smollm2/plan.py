"""Plans a chat generation: reads tools and schemas, counts the prompt, checks the limits."""

from collections.abc import Sequence

from domicile.openai_api.chat import ChatCompletionRequest
from domicile.openai_api.chat_tools import JsonSchemaResponse, TextResponse
from domicile_engines.models.smollm2 import prompt
from domicile_engines.models.smollm2.generation import Plan
from domicile_engines.models.smollm2.sampling import sampling
from domicile_engines.models.smollm2.tools import calling_of
from domicile_engines.runtime.engine_errors import too_long
from domicile_engines.runtime.llama.schema import ANY_OBJECT, Schema, prepare
from domicile_engines.runtime.llama.server import Llama
from domicile_engines.runtime.llama.stop import stop_sequences

# The default answer limit, because a small model may repeat itself endlessly. Callers can set a higher one.
_ANSWER_TOKENS = 512
# The vocabulary's longest token is 64 blanks. Tokenizing megabytes takes a minute, during which all other requests wait.
_TOKEN_CHARACTERS_MAX = 64


def check_length(pieces: Sequence[int | str], prompt_limit: int, param: str) -> None:
    """Raises a 400 for a prompt with so many characters that it must exceed the limit. Needs no tokenizing."""
    characters = sum(len(piece) for piece in pieces if isinstance(piece, str))
    if characters > prompt_limit * _TOKEN_CHARACTERS_MAX:
        raise too_long(param, prompt_limit)


async def make_plan(
    llama: Llama, request: ChatCompletionRequest, *, cache_salt: str | None, prompt_limit: int, context: int
) -> Plan:
    """Plan a chat generation before it takes a slot.

    `cache_salt`: the project whose prompt cache may be used; None for no cache. `prompt_limit` and `context` are in tokens.
    Raises a 400 for a prompt that is too long or a schema that cannot be enforced.
    """
    calling = calling_of(request)
    shape = _shape(request)
    pieces = prompt.render(request.messages, calling.instructions() if calling else "")
    check_length(pieces, prompt_limit, "messages")
    tokens = await llama.tokenize(pieces)
    if len(tokens) > prompt_limit:
        raise too_long("messages", prompt_limit, len(tokens))
    wanted = request.max_completion_tokens or request.max_tokens or _ANSWER_TOKENS
    return Plan(
        prompt=tokens,
        tenant=cache_salt or None,
        tokens_max=min(wanted, context - len(tokens)),
        sampling=sampling(request, alternatives=max(1, request.top_logprobs or 0) if request.logprobs else 0),
        stop=stop_sequences(request.stop),
        shape=shape,
        calling=calling,
    )


def _shape(request: ChatCompletionRequest) -> Schema | None:
    wanted = request.response_format
    if wanted is None or isinstance(wanted, TextResponse):
        return None
    if not isinstance(wanted, JsonSchemaResponse):
        return prepare(ANY_OBJECT, "response_format", strict=False)
    document = wanted.json_schema.schema if wanted.json_schema.schema is not None else ANY_OBJECT
    return prepare(document, "response_format.json_schema.schema", strict=bool(wanted.json_schema.strict))
