"""What the capability checks of all endpoints have in common."""

from collections.abc import Mapping

import msgspec

from domicile.kernel import errors
from domicile_engines.runtime.engine_errors import other_model


def check_model(requested: str, served: str) -> None:
    """Raises `DomicileError` 404 for another model than the one that is served at the path."""
    if requested != served:
        raise other_model(served)


def refuse_members(request: msgspec.Struct, reasons: Mapping[str, str]) -> None:
    """Raises `DomicileError` 400 for the first member of `reasons` that asks for something.

    `reasons`: what the API knows and the model cannot do. An error is the honest answer: ignoring the member would look like
    obeying it. None and an empty object ask for nothing.
    """
    for name, reason in reasons.items():
        if getattr(request, name) not in (None, {}):
            raise errors.unsupported_parameter(name, reason)
