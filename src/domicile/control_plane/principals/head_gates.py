"""Checks the head of a request to either listener, before a byte of its body is parsed.

The control plane holds no content. A client that sends a prompt here has the wrong host: the error names the right one, and
the body is discarded. The handler looks the admin key up in the database, before it reads the body.
"""

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import Scope

from domicile.boundary import protocol
from domicile.control_plane import control_errors
from domicile.control_plane.principals.authentication import Authentication
from domicile.kernel import errors
from domicile.kernel.errors import DomicileError
from domicile.web.presented_key import presented_key
from domicile.web.server.head_judgement import HeadGate

_PUBLIC_PATHS = frozenset({"/healthz"})
_ADMIN = "/v1/organization"
_OPERATOR = ("/operator/v1", "/metrics")
_BOUNDARY = "/boundary/v1"


def admin_gate(authentication: Authentication, directory: Mapping[str, str]) -> HeadGate:
    """The gate of the admin listener. `directory`: the public host of each region by its code."""

    def judge(scope: Scope) -> None:
        path, headers = scope["path"], Headers(scope=scope)
        if _is_below(path, _ADMIN):
            authentication.admin_key(headers)
        elif any(_is_below(path, prefix) for prefix in _OPERATOR):
            authentication.operator(headers)
        elif path not in _PUBLIC_PATHS:
            raise _elsewhere(scope, authentication, directory)

    return judge


def boundary_gate(authentication: Authentication, directory: Mapping[str, str]) -> HeadGate:
    """The gate of the boundary listener. The signature covers the body, so it is verified after the body has arrived."""

    def judge(scope: Scope) -> None:
        path = scope["path"]
        if not _is_below(path, _BOUNDARY):
            raise _elsewhere(scope, authentication, directory)
        if path not in {protocol.ENROLL, protocol.TIME}:
            authentication.check_signed(Headers(scope=scope))

    return judge


def _is_below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}/")


def _elsewhere(scope: Scope, authentication: Authentication, directory: Mapping[str, str]) -> DomicileError:
    """The error for a path that no listener of the control plane serves.

    It names the host of the region of the request's key, or the hosts of all regions.
    """
    try:
        code = authentication.region_of(presented_key(scope["headers"]))
    except DomicileError:
        code = None
    host = None if code is None else directory.get(code)
    if host is not None:
        return errors.incorrect_hostname(host)
    return control_errors.no_model_endpoint(scope["method"], scope["path"], list(directory.values()))
