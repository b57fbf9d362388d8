"""Middleware of every endpoint: authentication on the request's head, except for the listed public paths, and CORS."""

from starlette.types import ASGIApp, Receive, Scope, Send

from domicile.data_plane.http.auth import Authenticator, check_network
from domicile.data_plane.policy.caller import Caller
from domicile.web.application import BODY_HOLD, add_answer_header, log_caller
from domicile.web.bodies.body_memory import BodyHold
from domicile.web.server.head_judgement import HeadGate
from domicile.web.server.trusted_proxies import client_address

# Served without a key. Every other path needs one, unknown paths included.
PUBLIC_PATHS = frozenset({"/healthz", "/readyz"})
# A link to an image is its own key.
PUBLIC_BEGINNING = "/v1/images/content/"

CALLER = "caller"
"""The scope's key for the authenticated `Caller`."""

_PREFLIGHT = b"access-control-request-method"
CORS_HEADERS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"*"),
)


def head_gate(authenticator: Authenticator) -> HeadGate:
    """A gate that authenticates each non-public request from its head and puts the `Caller` into the scope."""

    def judge(scope: Scope) -> None:
        if _is_public(scope):
            authenticator.refuse_other_regions(scope["headers"])
        else:
            scope[CALLER] = caller = authenticator.authenticate(scope["headers"])
            if caller.project.networks:
                check_network(caller, client_address(scope))

    return judge


class RegionMiddleware:
    """Answers CORS preflights, and adds the caller to the answer's headers, the log and the body's memory account.

    CORS allows `*` without credentials: the page's script sends the key, never the browser itself (design 7). A non-public
    request that bypassed the head gate fails with KeyError.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _is_preflight(scope):
            await _answer_preflight(scope["headers"], send)
            return
        if not _is_public(scope):
            caller: Caller = scope[CALLER]
            hold: BodyHold | None = scope.get(BODY_HOLD)
            if hold is not None:
                hold.account = caller.project.project_id
            add_answer_header(scope, b"openai-organization", caller.organization.organization_id)
            log_caller(scope, project=caller.project.project_id, key=caller.key_id)
        await self._app(scope, receive, send)


def _is_public(scope: Scope) -> bool:
    path: str = scope["path"]
    return path in PUBLIC_PATHS or path.startswith(PUBLIC_BEGINNING) or _is_preflight(scope)


def _is_preflight(scope: Scope) -> bool:
    return scope["method"] == "OPTIONS" and any(name == _PREFLIGHT for name, _ in scope["headers"])


async def _answer_preflight(headers: list[tuple[bytes, bytes]], send: Send) -> None:
    requested = b", ".join(value for name, value in headers if name == b"access-control-request-headers")
    answer = [(b"access-control-allow-methods", b"GET, POST, DELETE, OPTIONS"), (b"access-control-max-age", b"86400")]
    if requested:
        answer.append((b"access-control-allow-headers", requested))
    await send({"type": "http.response.start", "status": 204, "headers": answer})
    await send({"type": "http.response.body", "body": b""})
