"""vLLM, llama-server, SGLang, TGI and other servers with OpenAI's API at OpenAI's paths."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from domicile.catalogue.endpoints import Endpoint
from domicile.settings.engines import EngineSettings

NO_HEALTH = "none"
HEALTH_EVERY_S = 0.5


def base_path(url: str | None) -> str:
    """The path of the engine's URL without a final `/v1`: every `Endpoint` begins with `/v1`. None: an empty path."""
    path = urlsplit(url or "").path.rstrip("/")
    return path.removesuffix("/v1")


def health_path(settings: EngineSettings, default: str) -> str | None:
    """The operator's `health_path` unchanged, or `default` under the engine's base path. None when the operator set `none`."""
    if settings.health_path is not None:
        return None if settings.health_path == NO_HEALTH else settings.health_path
    return base_path(settings.url) + default


class OpenAICompatible:
    """The `Vendor` adapter of OpenAI-compatible servers."""

    def __init__(self, settings: EngineSettings) -> None:
        self._base = base_path(settings.url)
        self.health_path = health_path(settings, "/health")
        self.health_every_s = settings.health_every_s or HEALTH_EVERY_S

    def path(self, endpoint: Endpoint, _model: str) -> str:
        """The endpoint's path under the engine's base path. The model is in the body."""
        return self._base + endpoint.value

    def headers(self, key: str | None) -> Mapping[str, str]:
        """The key as a bearer token. Empty without a key."""
        return {} if key is None else {"authorization": f"Bearer {key}"}

    def reply(self, data: bytes) -> bytes | None:
        """The reply unchanged: it is in OpenAI's format."""
        return data
