"""Parameters, values and roles that a model refuses although its endpoint accepts them. The catalogue lists them by feature.

OpenAI's model of the same name refuses them too, so callers find the mistake here first.
"""

from collections.abc import Mapping
from typing import Any

from domicile.catalogue.catalogue import ModelEntry
from domicile.catalogue.tables import Feature, FeatureLimitsTable
from domicile.data_plane import region_errors
from domicile.openai_api.closed import ModelRequest


def check_model_limits(
    limits: Mapping[Feature, FeatureLimitsTable], model: ModelEntry, request: ModelRequest, asked: frozenset[str]
) -> None:
    """Raises 400 for a parameter, value or role that the model refuses. `asked`: parameters not at their default."""
    for feature, limit in limits.items():
        if feature not in model.features:
            continue
        # Parameters with a replacement first: that error tells the caller what to send instead.
        for name in (*limit.instead, *limit.refuse):
            if name in asked:
                raise region_errors.unsupported_by_model(name, instead=limit.instead.get(name))
        for name in limit.default_only:
            if name in asked:
                raise region_errors.only_default_supported(name, str(getattr(request, name)))
        if limit.refused_roles:
            _check_roles(getattr(request, "messages", ()), limit.refused_roles)


def _check_roles(messages: Any, refused: tuple[str, ...]) -> None:
    for index, message in enumerate(messages):
        role = type(message).__struct_config__.tag
        if role in refused:
            raise region_errors.role_not_supported(f"messages[{index}].role", str(role))
