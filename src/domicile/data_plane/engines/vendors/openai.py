"""OpenAI's own API. Each of its regional hosts serves one region."""

from collections.abc import Mapping

from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.engines.vendors.openai_compatible import base_path, health_path
from domicile.data_plane.engines.vendors.shared_account import without_cache_counts
from domicile.settings.engines import EngineSettings

HEALTH_EVERY_S = 10.0


class OpenAI:
    """The `Vendor` adapter of OpenAI's own API."""

    def __init__(self, settings: EngineSettings) -> None:
        self._base = base_path(settings.url)
        self.health_path = health_path(settings, "/v1/models")
        self.health_every_s = settings.health_every_s or HEALTH_EVERY_S
        self._billing_headers = {
            name: value
            for name, value in (
                ("openai-organization", settings.organization),
                ("openai-project", settings.project),
            )
            if value is not None
        }

    def path(self, endpoint: Endpoint, _model: str) -> str:
        """The endpoint's path under the engine's base path. The model is in the body."""
        return self._base + endpoint.value

    def headers(self, key: str | None) -> Mapping[str, str]:
        """The key as a bearer token, and the configured organization and project to bill."""
        return self._billing_headers if key is None else {"authorization": f"Bearer {key}", **self._billing_headers}

    def reply(self, data: bytes) -> bytes | None:
        """The reply with the counts of cached tokens set to 0."""
        return without_cache_counts(data)
