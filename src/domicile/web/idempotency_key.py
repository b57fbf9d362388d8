"""Reads the header `Idempotency-Key`, the same for both planes."""

import re

from starlette.requests import Request

from domicile.kernel import errors

HEADER = "Idempotency-Key"
_VISIBLE = re.compile(r"[\x21-\x7e]{1,255}")


def read_idempotency_key(request: Request) -> str | None:
    """The header's value; None without the header. Raises 400 when it is repeated or malformed."""
    values = request.headers.getlist(HEADER)
    if not values:
        return None
    if len(values) > 1 or not _VISIBLE.fullmatch(values[0]):
        raise errors.invalid_value(f"'{HEADER}' must be given once, as 1 to 255 visible ASCII characters.", HEADER)
    return values[0]
