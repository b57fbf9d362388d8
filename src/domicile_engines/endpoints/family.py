"""A kind of model beside the chat model: its URLs, and what it says of itself."""

from collections.abc import Sequence
from typing import Any, Protocol

from starlette.routing import Route


class Family(Protocol):
    """What `app` needs of each kind."""

    def routes(self) -> Sequence[Route]:
        """Its URLs: OpenAI's paths."""
        ...

    def describe(self) -> Sequence[dict[str, Any]]:
        """Its entries in `/v1/models`."""
        ...

    async def close(self) -> None:
        """Ends what runs and lets its models go."""
        ...
