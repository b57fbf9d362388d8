"""Requests as a region sends them: what a caller may say, and the members that `openai_api.engine_body` adds."""

from domicile.openai_api.chat import ChatCompletionRequest
from domicile.openai_api.completions import CompletionRequest


class ScheduledChat(ChatCompletionRequest, frozen=True, kw_only=True):
    """A chat request, the project whose prompt cache it may use, and its priority: lower numbers go first."""

    cache_salt: str | None = None
    priority: int | None = None


class ScheduledCompletion(CompletionRequest, frozen=True, kw_only=True):
    """The same for a completion request."""

    cache_salt: str | None = None
    priority: int | None = None
