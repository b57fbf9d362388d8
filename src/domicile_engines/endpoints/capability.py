"""Capability checks that all endpoints share."""

from collections.abc import Mapping

import msgspec

from domicile.kernel import errors
from domicile_engines.runtime.engine_errors import other_model


def check_model(requested: str, served: str) -> None:
    """Raises `DomicileError` 404 if `requested` is not the model served at this path."""
    if requested != served:
        raise other_model(served)


def refuse_members(request: msgspec.Struct, reasons: Mapping[str, str]) -> None:
    """Raises `DomicileError` 400 for the first member of `reasons` that the request sets.

    `reasons`: why the model does not support each member. If the engine ignored a member, the caller would believe that it
    had an effect. None and an empty object count as not set.
    """
    for name, reason in reasons.items():
        if getattr(request, name) not in (None, {}):
            raise errors.unsupported_parameter(name, reason)
