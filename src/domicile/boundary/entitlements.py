"""Capacity that is bought for a project: its Scale Tier entitlements. They go down in the snapshot (contract C19)."""

from typing import Annotated

from msgspec import Meta, Struct

from domicile.boundary.usage import ModelSnapshot
from domicile.kernel.ids import EntitlementId

TokensPerMinute = Annotated[int, Meta(ge=0, le=2**40)]
_Milliseconds = Annotated[int, Meta(ge=0)]


class Entitlement(Struct, frozen=True, forbid_unknown_fields=True):
    """Tokens of input and of output per minute that a project has bought, from one time until another (Unix, in ms).

    `models`: those that may use the tokens. One for each entitlement, as long as none is sold for several.
    """

    entitlement_id: EntitlementId
    models: tuple[ModelSnapshot, ...]
    input_tokens_per_minute: TokensPerMinute
    output_tokens_per_minute: TokensPerMinute
    from_ms: _Milliseconds
    until_ms: _Milliseconds
