"""The base class of every type that is decoded from an engine and encoded for a caller (design 4.6)."""

from msgspec import Struct

# `omit_defaults` omits a member that equals its default, but writes one that a factory made. So the default None marks an
# optional member (null is omitted), and this factory marks a required one (null is written).
REQUIRED_NULL = type(None)


class Lenient(Struct, frozen=True, omit_defaults=True):
    """An object of an engine's reply. Unknown members are dropped."""
