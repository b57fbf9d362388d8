"""What stands in front of every endpoint: authentication of all that is not public by name, on the head, and CORS."""

from starlette.types import ASGIApp, Receive, Scope, Send

from domicile.data_plane.http.auth import Authenticator
from domicile.data_plane.policy.caller import Caller
from domicile.web.application import BODY_HOLD, add_answer_header, log_caller
from domicile.web.bodies.body_memory import BodyHold
from domicile.web.server.head_judgement import HeadGate

# Answered without a key. Everything else, unknown URLs included, needs one.
PUBLIC_PATHS = frozenset({"/healthz", "/readyz"})
# A link to an image is its own key.
PUBLIC_BEGINNING = "/v1/images/content/"

CALLER = "caller"
"""Where a scope has the `Caller` that its head was judged to be."""

_PREFLIGHT = b"access-control-request-method"
CORS_HEADERS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"*"),
)


def head_gate(authenticator: Authenticator) -> HeadGate:
    """Authenticates on the head every request that is not public, and puts its caller into the scope."""

    def judge(scope: Scope) -> None:
        if _is_public(scope):
            authenticator.refuse_elsewhere(scope["headers"])
        else:
            scope[CALLER] = authenticator.authenticate(scope["headers"])

    return judge


class RegionMiddleware:
    """`*` without credentials: a key is sent by the page's own script, never by the browser on its own (design 7).

    Serves nobody whose head was not judged, unless the path is public.
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
