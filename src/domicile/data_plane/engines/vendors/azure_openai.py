"""Azure OpenAI: deployments instead of models, an API version in the query, the key in `api-key`."""

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

import msgspec

from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.engines.vendors.openai_compatible import NO_HEALTH
from domicile.data_plane.engines.vendors.shared_account import without_cache_counts
from domicile.settings.engines import EngineSettings

HEALTH_EVERY_S = 10.0
_UNVERSIONED = "v1"


class _Event(msgspec.Struct):
    """The part of a chunk that shows whether it is one: OpenAI's chunks have an id."""

    id: str | None = None


class AzureOpenAI:
    """The `Vendor` adapter of Azure OpenAI. Azure has no health URL for a deployment, so there are no probes by default."""

    def __init__(self, settings: EngineSettings) -> None:
        self._base = urlsplit(settings.url or "").path.rstrip("/").removesuffix("/v1").removesuffix("/openai")
        self._version = settings.api_version or ""
        self.health_path = None if settings.health_path == NO_HEALTH else settings.health_path
        self.health_every_s = settings.health_every_s or HEALTH_EVERY_S

    def path(self, endpoint: Endpoint, model: str) -> str:
        """The path and query for a request. `model`: the deployment's name. API version `v1` has no deployment in the path."""
        if self._version == _UNVERSIONED:
            return f"{self._base}/openai{endpoint.value}"
        deployment = f"{self._base}/openai/deployments/{quote(model, safe='')}"
        return f"{deployment}{endpoint.value.removeprefix('/v1')}?api-version={self._version}"

    def headers(self, key: str | None) -> Mapping[str, str]:
        """The key as `api-key`. Empty without a key."""
        return {} if key is None else {"api-key": key}

    def reply(self, data: bytes) -> bytes | None:
        """Drop the content filter's chunks, and clear the counts of cached tokens.

        A stream begins with the filter's result for the prompt, and an asynchronous filter adds results for the answer. These
        chunks have an empty id, unlike OpenAI's. The filter's members in other chunks and replies are outside the
        specification, so the re-encoding drops them (design 4.6).
        """
        if b"_filter" in data and _is_no_chunk(data):
            return None
        return without_cache_counts(data)


def _is_no_chunk(data: bytes) -> bool:
    try:
        return msgspec.json.decode(data, type=_Event).id == ""
    except (ValueError, RecursionError):
        return False
