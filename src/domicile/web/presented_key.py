"""Reads the API key from a request's headers. Both planes use this function only."""

from collections.abc import Iterable

from domicile.web import http_errors

Headers = Iterable[tuple[bytes, bytes]]


def presented_key(headers: Headers) -> str:
    """The key in `Authorization: Bearer KEY`, or in `api-key: KEY` as Azure's clients send it. `headers` in lower case.

    Raises `DomicileError` 401 for no key, for an Authorization header of another form, and for headers with different keys,
    since it would be unclear which one counts.
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
