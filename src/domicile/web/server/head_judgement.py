"""Accepts or refuses a request by its head, before any of its body is parsed (design 4.1)."""

from collections.abc import Callable

import structlog
from starlette.types import Scope

from domicile.kernel.errors import DomicileError
from domicile.web import http_errors
from domicile.web.server.request_head import check_head, read_target
from domicile.web.server.trusted_proxies import TRUSTED_PROXIES, TrustedProxies, came_without_tls, https_required

log = structlog.get_logger("http")

HeadGate = Callable[[Scope], None]
"""Raises `DomicileError` to refuse a request. It may add results, such as the caller, to the scope."""


def judge_head(
    scope: Scope, *, method: bytes, version: str, url: bytes, proxies: TrustedProxies | None, gate: HeadGate | None
) -> DomicileError | None:
    """Check the head and complete the scope, which holds the headers. Returns the error that refuses it, or None."""
    try:
        check_head(method, version, scope["headers"])
        path, raw_path, query = read_target(url)
        scope["method"], scope["http_version"] = method.decode("ascii"), version
        scope["path"], scope["raw_path"], scope["query_string"] = path, raw_path, query
        if proxies is not None:
            scope[TRUSTED_PROXIES] = proxies
            if came_without_tls(scope["headers"]):
                raise https_required()
        if gate is not None:
            gate(scope)
    except DomicileError as error:
        return error
    except Exception as error:
        # Fails closed. The text of an unexpected exception may quote the head, so it is not logged.
        log.error("unforeseen", type=type(error).__name__)
        return http_errors.internal_error()
    return None
