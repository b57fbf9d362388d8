"""Every URL of the engine."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from domicile_engines.endpoints.chat_completions.endpoint import ChatEndpoint
from domicile_engines.endpoints.chat_completions.vision import BODY_BYTES_MAX as VISION_BYTES_MAX
from domicile_engines.endpoints.chat_completions.vision import MODEL_ID as VISION
from domicile_engines.endpoints.chat_completions.vision import Vision
from domicile_engines.endpoints.completions.endpoint import BODY_BYTES_MAX as COMPLETIONS_BYTES_MAX
from domicile_engines.endpoints.completions.endpoint import CompletionsEndpoint
from domicile_engines.endpoints.family import Family
from domicile_engines.endpoints.http import Endpoint, EngineRequest, Reply
from domicile_engines.models.smollm2.engine import Engine
from domicile_engines.runtime import errors
from domicile_engines.runtime.errors import Refusal
from domicile_engines.runtime.json_request import names_model
from domicile_engines.runtime.llama.server import EngineError
from domicile_engines.runtime.weights import WeightsError

_log = logging.getLogger(__name__)


def create_app(engine: Engine, families: Sequence[Family] = (), vision: Vision | None = None) -> Starlette:
    """The application around an engine; it loads the chat model while it already answers `/health`.

    The models of `families`, and the vision model where there is one, are loaded when somebody first asks for them.
    """
    lazy: list[Family | Vision] = [*families, *([vision] if vision is not None else [])]

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok" if engine.ready else "loading"}, 200 if engine.ready else 503)

    async def models(_: Request) -> Response:
        described = [engine.describe(), *(entry for kind in lazy for entry in kind.describe())]
        return JSONResponse({"object": "list", "data": described})

    return Starlette(
        routes=[
            Route("/health", health, methods=["GET"]),
            Route("/v1/models", models, methods=["GET"]),
            Route("/v1/chat/completions", _chat(engine, vision), methods=["POST"]),
            Route(
                "/v1/completions", Endpoint(CompletionsEndpoint(engine).answer, COMPLETIONS_BYTES_MAX), methods=["POST"]
            ),
            *(route for family in families for route in family.routes()),
        ],
        exception_handlers={HTTPException: _http_error, Exception: _failure},
        lifespan=lambda _: _lifespan(engine, lazy),
    )


def _chat(engine: Engine, vision: Vision | None) -> Endpoint:
    """Chat, by the model that is named: the vision model has its own name, and everything else is the chat model's to judge."""
    chat = ChatEndpoint(engine)
    if vision is None:
        return Endpoint(chat.answer)

    async def answer(asked: EngineRequest, reply: Reply) -> None:
        await (vision if names_model(asked.body, VISION) else chat).answer(asked, reply)

    return Endpoint(answer, VISION_BYTES_MAX)


@asynccontextmanager
async def _lifespan(engine: Engine, lazy: Sequence[Family | Vision]) -> AsyncIterator[None]:
    loading = asyncio.create_task(_load(engine))
    try:
        yield
    finally:
        await loading
        await engine.close()
        for kind in lazy:
            await kind.close()


async def _load(engine: Engine) -> None:
    """An engine that cannot load its model ends, so that its supervisor sees it."""
    try:
        await engine.load()
    except (WeightsError, EngineError) as error:
        engine.failed = True
        _log.critical("the model could not be loaded: %s", error)
        signal.raise_signal(signal.SIGTERM)


async def _http_error(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = {404: "unknown_url", 405: "method_not_allowed"}.get(status, "invalid_request")
    refusal = Refusal(status, code, "This engine does not serve that.")
    return Response(errors.body(refusal), status, media_type="application/json")


async def _failure(_: Request, error: Exception) -> Response:
    # Only the type: an exception's text may quote what a user wrote.
    _log.error("unexpected failure: %s", type(error).__name__)
    refusal = Refusal(500, "internal_error", "The engine failed.")
    return Response(errors.body(refusal), 500, media_type="application/json")
