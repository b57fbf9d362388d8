"""The base of every type that is read from an engine and written to a caller (design 4.6)."""

from msgspec import Struct

# `omit_defaults` leaves out a member that is its default value, but writes one that a factory made. So a default of None
# marks a member that may be absent (null is left out), and this factory one that must be there (null is written).
REQUIRED_NULL = type(None)


class Lenient(Struct, frozen=True, omit_defaults=True):
    """An object of an engine's answer. Members that it does not name are dropped."""
