"""The engine's ASGI application: all its routes and its lifespan."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from domicile.web.application import Application
from domicile.web.bodies.reading import json_response
from domicile_engines.endpoints.service import EndpointService
from domicile_engines.models.smollm2.engine import ChatEngine
from domicile_engines.runtime.llama.server import EngineError
from domicile_engines.runtime.weights import WeightsError

_log = logging.getLogger(__name__)


def create_app(engine: ChatEngine, services: Sequence[EndpointService]) -> ASGIApp:
    """Build the application. It answers `/health` while the chat model still loads.

    Each other model in `services` is loaded at its first request.
    """

    async def health(_: Request) -> Response:
        return json_response({"status": "ok" if engine.ready else "loading"}, status=200 if engine.ready else 503)

    async def models(_: Request) -> Response:
        described = [entry for service in services for entry in service.describe()]
        return json_response({"object": "list", "data": described})

    served = Application(
        [
            Route("/health", health, methods=["GET"]),
            Route("/v1/models", models, methods=["GET"]),
            *(route for service in services for route in service.routes()),
        ]
    )
    living = Router(lifespan=lambda _: _lifespan(engine, services))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (living if scope["type"] == "lifespan" else served)(scope, receive, send)

    return app


@asynccontextmanager
async def _lifespan(engine: ChatEngine, services: Sequence[EndpointService]) -> AsyncIterator[None]:
    loading = asyncio.create_task(_load(engine))
    try:
        yield
    finally:
        await loading
        for service in services:
            await service.close()


async def _load(engine: ChatEngine) -> None:
    """Load the chat model. On failure, log why and raise SIGTERM, so that the supervisor sees the engine end."""
    try:
        await engine.load()
    except (WeightsError, EngineError) as error:
        engine.failed = True
        _log.critical("the model could not be loaded: %s", error)
        signal.raise_signal(signal.SIGTERM)
