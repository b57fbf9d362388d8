"""Requests as a region sends them: the caller's members, and the members that `openai_api.engine_body` adds."""

from domicile.openai_api.chat import ChatCompletionRequest
from domicile.openai_api.completions import CompletionRequest


class ScheduledChat(ChatCompletionRequest, frozen=True, kw_only=True):
    """A chat request with its prompt-cache owner and its priority.

    `cache_salt`: the project whose prompt cache the request may use. `priority`: lower numbers go first.
    """

    cache_salt: str | None = None
    priority: int | None = None


class ScheduledCompletion(CompletionRequest, frozen=True, kw_only=True):
    """A completion request with the same two members as `ScheduledChat`."""

    cache_salt: str | None = None
    priority: int | None = None
