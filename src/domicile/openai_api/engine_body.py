"""What the platform adds to a body for an engine: the fixed list of design 4.6 beyond the closed type's own members."""

import msgspec


def with_scheduling(body: bytes, *, cache_salt: str | None, priority: int | None) -> bytes:
    """The body with the members that keep prompt caches apart and say whose turn it is, where there are any.

    These two are no members of a closed type, so they can be in the bytes only once.
    """
    added: dict[str, str | int] = {}
    if cache_salt is not None:
        added["cache_salt"] = cache_salt
    if priority is not None:
        added["priority"] = priority
    return body[:-1] + b"," + msgspec.json.encode(added)[1:] if added else body
