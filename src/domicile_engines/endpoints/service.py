"""An endpoint with its models, as the application sees it."""

from collections.abc import Sequence
from typing import Any, Protocol

from starlette.routing import Route


class EndpointService(Protocol):
    """What `app` needs of each endpoint."""

    def routes(self) -> Sequence[Route]:
        """Its URLs: OpenAI's paths."""
        ...

    def describe(self) -> Sequence[dict[str, Any]]:
        """The entries of its models in `/v1/models`."""
        ...

    async def close(self) -> None:
        """Ends what runs and lets its models go."""
        ...
