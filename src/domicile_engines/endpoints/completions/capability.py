"""The parts of the completions API that the model does not support."""

from domicile.kernel import errors
from domicile.openai_api.completions import CompletionRequest
from domicile_engines.endpoints.capability import refuse_members

COMPLETIONS_MAX = 32
"""Maximum per request: the number of prompts times `n`."""

_NOT_SERVED = {
    "suffix": "This model continues a text; it cannot fill a gap.",
    "logit_bias": "Token ids belong to a tokenizer, and this model's is not the one the API documents.",
}


def check_capability(request: CompletionRequest) -> None:
    """Raises `DomicileError` 400 for anything that the model does not support."""
    refuse_members(request, _NOT_SERVED)
    of_each = request.n or 1
    if (request.best_of or 1) > of_each:
        reason = "This engine returns every completion that it generates: leave out 'best_of', or set it to 'n'."
        raise errors.unsupported_parameter("best_of", reason)
    if request.echo and request.logprobs is not None:
        reason = "This engine has no log probabilities of the prompt: leave out 'echo' or 'logprobs'."
        raise errors.unsupported_parameter("echo", reason)
    given = request.prompt
    prompts = len(given) if isinstance(given, list) and not isinstance(given[0], int) else 1
    if prompts * of_each > COMPLETIONS_MAX:
        reason = f"This engine gives at most {COMPLETIONS_MAX} completions for one request."
        raise errors.unsupported_parameter("n" if prompts == 1 else "prompt", reason)
