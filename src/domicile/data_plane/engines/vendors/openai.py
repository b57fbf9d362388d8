"""OpenAI's own hosts, each of which serves one region."""

from collections.abc import Mapping

from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.engines.vendors.openai_compatible import base_path, health_path
from domicile.data_plane.engines.vendors.shared_account import without_cache_counts
from domicile.settings.engines import EngineSettings

HEALTH_EVERY_S = 10.0


class OpenAI:
    """See `Vendor`."""

    def __init__(self, settings: EngineSettings) -> None:
        self._base = base_path(settings.url)
        self.health_path = health_path(settings, "/v1/models")
        self.health_every_s = settings.health_every_s or HEALTH_EVERY_S
        self._who_pays = {
            name: value
            for name, value in (
                ("openai-organization", settings.organization),
                ("openai-project", settings.project),
            )
            if value is not None
        }

    def path(self, endpoint: Endpoint, _model: str) -> str:
        """See `Vendor`."""
        return self._base + endpoint.value

    def headers(self, key: str | None) -> Mapping[str, str]:
        """See `Vendor`."""
        return self._who_pays if key is None else {"authorization": f"Bearer {key}", **self._who_pays}

    def reply(self, data: bytes) -> bytes | None:
        """See `Vendor`."""
        return without_cache_counts(data)
