"""vLLM, llama-server, SGLang, TGI and whatever else speaks OpenAI's API at OpenAI's paths."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from domicile.catalogue.endpoints import Endpoint
from domicile.settings.engines import EngineSettings

NO_HEALTH = "none"
HEALTH_EVERY_S = 0.5


def base_path(url: str | None) -> str:
    """The path under which the API lies, without `/v1`: endpoints begin with it."""
    path = urlsplit(url or "").path.rstrip("/")
    return path.removesuffix("/v1")


def health_path(settings: EngineSettings, default: str) -> str | None:
    """The operator's path on that host as it is, or else the vendor's under the engine's own path."""
    if settings.health_path is not None:
        return None if settings.health_path == NO_HEALTH else settings.health_path
    return base_path(settings.url) + default


class OpenAICompatible:
    """See `Vendor`."""

    def __init__(self, settings: EngineSettings) -> None:
        self._base = base_path(settings.url)
        self.health_path = health_path(settings, "/health")
        self.health_every_s = settings.health_every_s or HEALTH_EVERY_S

    def path(self, endpoint: Endpoint, _model: str) -> str:
        """See `Vendor`."""
        return self._base + endpoint.value

    def headers(self, key: str | None) -> Mapping[str, str]:
        """See `Vendor`."""
        return {} if key is None else {"authorization": f"Bearer {key}"}

    def reply(self, data: bytes) -> bytes | None:
        """See `Vendor`."""
        return data
