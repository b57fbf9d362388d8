"""The interface of an endpoint and its models towards the application."""

from collections.abc import Sequence
from typing import Any, Protocol

from starlette.routing import Route


class EndpointService(Protocol):
    """One endpoint and the models that it owns."""

    def routes(self) -> Sequence[Route]:
        """The endpoint's routes, at OpenAI's paths."""
        ...

    def describe(self) -> Sequence[dict[str, Any]]:
        """The entries of the endpoint's models in `/v1/models`. Empty when another service lists its model."""
        ...

    async def close(self) -> None:
        """Stop running requests and unload the models that the endpoint owns."""
        ...
