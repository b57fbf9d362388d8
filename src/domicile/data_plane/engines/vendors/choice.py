"""Chooses an engine's vendor adapter by its settings."""

from collections.abc import Callable

from domicile.data_plane.engines.vendor import Vendor
from domicile.data_plane.engines.vendors.azure_openai import AzureOpenAI
from domicile.data_plane.engines.vendors.openai import OpenAI
from domicile.data_plane.engines.vendors.openai_compatible import OpenAICompatible
from domicile.settings.engines import EngineSettings

_ADAPTERS: dict[str, Callable[[EngineSettings], Vendor]] = {
    "openai_compatible": OpenAICompatible,
    "azure_openai": AzureOpenAI,
    "openai": OpenAI,
}


def vendor_of(settings: EngineSettings) -> Vendor:
    """The adapter for an engine. Raises KeyError for an unknown vendor; the settings refuse those earlier."""
    return _ADAPTERS[settings.vendor](settings)
