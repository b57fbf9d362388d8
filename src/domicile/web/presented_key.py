"""The one way to read a key out of a request's headers."""

from collections.abc import Iterable

from domicile.web import http_errors

Headers = Iterable[tuple[bytes, bytes]]


def presented_key(headers: Headers) -> str:
    """The key of `Authorization: Bearer KEY`, or of `api-key: KEY` as clients of Azure send it. `headers` in lower case.

    Raises `DomicileError` 401 when there is none, when an Authorization header holds something else, or when the headers
    name different keys: nobody may choose which one counts.
    """
    keys = set(_keys(headers))
    if not keys or None in keys:
        raise http_errors.missing_key()
    if len(keys) > 1:
        raise http_errors.conflicting_keys()
    (key,) = keys
    assert key is not None
    return key


def _keys(headers: Headers) -> Iterable[str | None]:
    for name, value in headers:
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            yield token.strip() if scheme.lower() == "bearer" and token.strip() else None
        elif name == b"api-key":
            yield value.decode("latin-1").strip() or None
