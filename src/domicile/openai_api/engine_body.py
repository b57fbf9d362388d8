"""The members that the platform adds to an engine's request body (design 4.6)."""

import msgspec


def with_scheduling(body: bytes, *, cache_salt: str | None, priority: int | None) -> bytes:
    """Add `cache_salt`, which separates prompt caches, and `priority`, unless they are None.

    `body`: a JSON object with at least one member. A caller cannot send these two, so the result has no duplicate member.
    """
    added: dict[str, str | int] = {}
    if cache_salt is not None:
        added["cache_salt"] = cache_salt
    if priority is not None:
        added["priority"] = priority
    return body[:-1] + b"," + msgspec.json.encode(added)[1:] if added else body
