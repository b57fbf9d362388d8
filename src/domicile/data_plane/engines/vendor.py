"""The port of vendor adapters: where a vendor's server differs from OpenAI's API. `upstream` does the rest."""

from collections.abc import Mapping
from typing import Protocol

from domicile.catalogue.endpoints import Endpoint


class Vendor(Protocol):
    """The adapter of one engine's server. No I/O, no state."""

    @property
    def health_path(self) -> str | None:
        """The path of the health URL on the engine's host. None: no probes, only requests show its health."""
        ...

    @property
    def health_every_s(self) -> float:
        """Seconds between probes."""
        ...

    def path(self, endpoint: Endpoint, model: str) -> str:
        """The path and query for a request. `model`: the engine's own name."""
        ...

    def headers(self, key: str | None) -> Mapping[str, str]:
        """The headers for the key and for billing. `key`: None for an engine without one."""
        ...

    def reply(self, data: bytes) -> bytes | None:
        """Convert a whole reply, or one event's data, to OpenAI's format. None: drop an event that OpenAI does not send."""
        ...
