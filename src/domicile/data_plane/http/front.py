"""What stands in front of every endpoint: CORS, and authentication of all that is not public by name."""

from starlette.types import ASGIApp, Receive, Scope, Send

from domicile.data_plane.http.auth import Authenticator
from domicile.web.application import BODY_HOLD, add_answer_header, log_caller
from domicile.web.body_memory import BodyHold

# Answered without a key. Everything else, unknown URLs included, needs one.
PUBLIC_PATHS = frozenset({"/healthz", "/readyz"})
# A link to an image is its own key.
PUBLIC_BEGINNING = "/v1/images/content/"

_PREFLIGHT = b"access-control-request-method"
CORS_HEADERS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"*"),
)


class Front:
    """`*` without credentials: a key is sent by the page's own script, never by the browser on its own (design 7)."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator) -> None:
        self._app = app
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = scope["headers"]
        if scope["method"] == "OPTIONS" and any(name == _PREFLIGHT for name, _ in headers):
            await _answer_preflight(headers, send)
            return
        path = scope["path"]
        if path not in PUBLIC_PATHS and not path.startswith(PUBLIC_BEGINNING):
            caller = self._authenticator.authenticate(headers)
            scope["caller"] = caller
            hold: BodyHold | None = scope.get(BODY_HOLD)
            if hold is not None:
                hold.account = caller.project.project_id
            add_answer_header(scope, b"openai-organization", caller.organization.organization_id)
            log_caller(scope, project=caller.project.project_id, key=caller.key_id)
        await self._app(scope, receive, send)


async def _answer_preflight(headers: list[tuple[bytes, bytes]], send: Send) -> None:
    requested = b", ".join(value for name, value in headers if name == b"access-control-request-headers")
    answer = [(b"access-control-allow-methods", b"GET, POST, DELETE, OPTIONS"), (b"access-control-max-age", b"86400")]
    if requested:
        answer.append((b"access-control-allow-headers", requested))
    await send({"type": "http.response.start", "status": 204, "headers": answer})
    await send({"type": "http.response.body", "body": b""})
