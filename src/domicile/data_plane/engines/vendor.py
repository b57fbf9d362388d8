"""What engines of one vendor do differently. All else is OpenAI's API, and `upstream` speaks it."""

from collections.abc import Mapping
from typing import Protocol

from domicile.catalogue.endpoints import Endpoint


class Vendor(Protocol):
    """The manners of one engine's server. Pure: no I/O, no state."""

    @property
    def health_path(self) -> str | None:
        """What to GET to see whether the engine is there, on the engine's host; None: only requests tell."""
        ...

    @property
    def health_every_s(self) -> float:
        """How often to ask."""
        ...

    def path(self, endpoint: Endpoint, model: str) -> str:
        """The path, with its query, of a request to an endpoint for the engine's own model."""
        ...

    def headers(self, key: str | None) -> Mapping[str, str]:
        """What the engine must be sent beside the body's media type: its key, and who pays."""
        ...

    def reply(self, data: bytes) -> bytes | None:
        """A whole reply, or the data of one event, as OpenAI would have sent it. None: an event that OpenAI does not have."""
        ...
