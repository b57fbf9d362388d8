"""Between the web framework and handlers: the one place that reads a scope and sends an answer."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from domicile.data_plane.http.answer import AnyAnswer, StreamedAnswer
from domicile.data_plane.http.middleware import CALLER
from domicile.data_plane.http.streaming import StreamedResponse
from domicile.data_plane.inference.request_context import RequestContext
from domicile.data_plane.policy.caller import Caller

Handler = Callable[[Request, Caller, RequestContext], Awaitable[AnyAnswer]]
"""Answers a caller. Of the request it reads the body, the path and the query, and watches whether the client leaves."""
PublicHandler = Callable[[Request], Awaitable[AnyAnswer]]
"""Answers anybody."""


def for_caller(handle: Handler) -> ASGIApp:
    """The handler as an application. Its caller is the one that the head of the request was judged to be."""

    def handle_request(request: Request) -> Awaitable[AnyAnswer]:
        caller: Caller = request.scope[CALLER]
        return handle(request, caller, RequestContext(request.scope["request_id"]))

    return _Application(handle_request)


def for_anybody(handle: PublicHandler) -> ASGIApp:
    """The handler of a public path as an application."""
    return _Application(handle)


class _Application:
    """An instance, not a function: the router would call a function with a request."""

    def __init__(self, handle: PublicHandler) -> None:
        self._handle = handle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self._handle(Request(scope, receive, send))
        await _response(answer)(scope, receive, send)


def _response(answer: AnyAnswer) -> Response:
    if isinstance(answer, StreamedAnswer):
        return StreamedResponse(answer)
    return Response(answer.body, headers=answer.headers, media_type=answer.media_type)
