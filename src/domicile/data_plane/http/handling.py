"""Connects handlers to the web framework. The only place that reads a handler's scope and sends its answer."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from domicile.boundary.permissions import KeyScope
from domicile.data_plane.http.answer import AnyAnswer, StreamedAnswer
from domicile.data_plane.http.middleware import CALLER
from domicile.data_plane.http.streaming import StreamedResponse
from domicile.data_plane.inference.request_context import RequestContext
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.policy.scopes import require_scope

Handler = Callable[[Request, Caller, RequestContext], Awaitable[AnyAnswer]]
"""Answers an authenticated caller. It uses the request's body, path and query, and its disconnect message."""
PublicHandler = Callable[[Request], Awaitable[AnyAnswer]]
"""Answers without authentication."""


def for_caller(scope: KeyScope, handle: Handler) -> ASGIApp:
    """The handler as an ASGI application, for keys with this scope. The head gate has put the caller into ASGI's scope."""

    def handle_request(request: Request) -> Awaitable[AnyAnswer]:
        caller: Caller = request.scope[CALLER]
        require_scope(caller, scope)
        return handle(request, caller, RequestContext(request.scope["request_id"]))

    return _Application(handle_request)


def for_anybody(handle: PublicHandler) -> ASGIApp:
    """The handler of a public path as an ASGI application."""
    return _Application(handle)


class _Application:
    """A class, because Starlette's router calls a plain function with a request instead of as an ASGI application."""

    def __init__(self, handle: PublicHandler) -> None:
        self._handle = handle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self._handle(Request(scope, receive, send))
        await _response(answer)(scope, receive, send)


def _response(answer: AnyAnswer) -> Response:
    if isinstance(answer, StreamedAnswer):
        return StreamedResponse(answer)
    return Response(answer.body, headers=answer.headers, media_type=answer.media_type)
