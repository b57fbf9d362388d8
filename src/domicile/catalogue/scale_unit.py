"""What one unit of Scale Tier entitles to: the same in every region (contract C19)."""

from typing import Annotated

from msgspec import Meta, Struct

_Tokens = Annotated[int, Meta(ge=1, le=2**20)]


class ScaleUnit(Struct, frozen=True, forbid_unknown_fields=True):
    """Tokens per minute of one unit of input and of one unit of output, as OpenAI sells them."""

    input_tokens_per_minute: _Tokens = 30_000
    output_tokens_per_minute: _Tokens = 2_500
