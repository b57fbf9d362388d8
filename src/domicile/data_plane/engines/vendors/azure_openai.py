"""Azure OpenAI: deployments in place of models, a version in the query, a header of its own for the key."""

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
    """So much of a chunk as tells whether it is one."""

    id: str | None = None


class AzureOpenAI:
    """See `Vendor`. Azure has no health URL that tells of a deployment, so by default only requests tell."""

    def __init__(self, settings: EngineSettings) -> None:
        self._base = urlsplit(settings.url or "").path.rstrip("/").removesuffix("/v1").removesuffix("/openai")
        self._version = settings.api_version or ""
        self.health_path = None if settings.health_path == NO_HEALTH else settings.health_path
        self.health_every_s = settings.health_every_s or HEALTH_EVERY_S

    def path(self, endpoint: Endpoint, model: str) -> str:
        """See `Vendor`. `model` is the deployment's name."""
        if self._version == _UNVERSIONED:
            return f"{self._base}/openai{endpoint.value}"
        deployment = f"{self._base}/openai/deployments/{quote(model, safe='')}"
        return f"{deployment}{endpoint.value.removeprefix('/v1')}?api-version={self._version}"

    def headers(self, key: str | None) -> Mapping[str, str]:
        """See `Vendor`."""
        return {} if key is None else {"api-key": key}

    def reply(self, data: bytes) -> bytes | None:
        """See `Vendor`.

        A stream tells first what its filter thought of the prompt, and with an asynchronous filter now and then what it thought
        of the answer: in chunks without an id, which OpenAI's streams do not have. What the filter adds to other chunks and to
        replies is outside the specification, and no such member leaves (design 4.6).
        """
        if b"_filter" in data and _is_no_chunk(data):
            return None
        return without_cache_counts(data)


def _is_no_chunk(data: bytes) -> bool:
    try:
        return msgspec.json.decode(data, type=_Event).id == ""
    except (ValueError, RecursionError):
        return False
