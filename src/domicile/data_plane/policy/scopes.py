"""Which scope a restricted key needs for which call."""

from collections.abc import Mapping
from types import MappingProxyType

from domicile.boundary.permissions import KeyScope, granting
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane import region_errors
from domicile.data_plane.policy.caller import Caller

REQUEST_SCOPES: Mapping[Endpoint, KeyScope] = MappingProxyType(
    {
        Endpoint.AUDIO_SPEECH: KeyScope.AUDIO,
        Endpoint.AUDIO_TRANSCRIPTIONS: KeyScope.AUDIO,
        Endpoint.AUDIO_TRANSLATIONS: KeyScope.AUDIO,
        Endpoint.CHAT_COMPLETIONS: KeyScope.CHAT_COMPLETIONS,
        Endpoint.COMPLETIONS: KeyScope.COMPLETIONS,
        Endpoint.EMBEDDINGS: KeyScope.EMBEDDINGS,
        Endpoint.IMAGES_GENERATIONS: KeyScope.IMAGES,
        Endpoint.MODERATIONS: KeyScope.MODERATIONS,
    }
)
"""The scope of each endpoint that runs a model."""

_GRANTING = {scope: granting(scope) for scope in KeyScope}


def require_scope(caller: Caller, scope: KeyScope) -> None:
    """Raises 401 when the caller's key is restricted and its scopes do not include this one."""
    if caller.scopes is not None and _GRANTING[scope].isdisjoint(caller.scopes):
        raise region_errors.missing_scope(scope)
