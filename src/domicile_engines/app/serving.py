"""Serves every model on one listener. `__main__` imports this module after it has confined the process."""

import logging
import signal
import socket
import sys

import structlog
import uvicorn

from domicile_engines.app.application import create_app
from domicile_engines.app.command_line import EngineOptions
from domicile_engines.endpoints.chat_completions.endpoint import ChatCompletionsService
from domicile_engines.endpoints.completions.endpoint import CompletionsService
from domicile_engines.endpoints.embeddings.endpoint import EmbeddingsService
from domicile_engines.endpoints.images.endpoint import ImagesService
from domicile_engines.endpoints.moderations.endpoint import ModerationsService
from domicile_engines.endpoints.service import EndpointService
from domicile_engines.endpoints.speech.endpoint import SpeechService
from domicile_engines.endpoints.transcriptions.endpoint import TranscriptionsService
from domicile_engines.models.smollm2.engine import ChatEngine, EngineLimits
from domicile_engines.models.vision.answering import Vision
from domicile_engines.models.vision.model import VisionFiles

_GRACEFUL_SECONDS = 1


def serve(options: EngineOptions, listener: socket.socket) -> None:
    """Serve on `listener` until SIGTERM."""
    limits = EngineLimits(options.slots, options.context, options.prompt_limit, options.threads)
    engine = ChatEngine(limits, options.socket.with_name(options.socket.name + ".d"))
    # The platform's log records use the engine's format (`log_lines`), without tracebacks. The region logs each request.
    structlog.configure(
        processors=[_line],
        logger_factory=lambda *names: logging.getLogger(".".join(("domicile", *names))),
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
    )
    services = endpoint_services(engine, _vision(options), idle_s=options.idle_seconds, threads=options.threads)
    config = uvicorn.Config(
        create_app(engine, services),
        loop="uvloop",
        lifespan="on",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_GRACEFUL_SECONDS,
        server_header=False,
    )
    # uvicorn drains on SIGTERM, then raises the signal again. This handler then ends the process in order.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1 if engine.failed else 0))
    uvicorn.Server(config).run(sockets=[listener])


def _line(_logger: object, _level: str, event: structlog.typing.EventDict) -> str:
    return " ".join(f"{name}={value}" for name, value in event.items() if name not in {"exc_info", "stack_info"})


def endpoint_services(
    engine: ChatEngine, vision: Vision | None, *, idle_s: float, threads: int
) -> list[EndpointService]:
    """Return the services of all endpoints. Each loads its own models at its first request."""
    embeddings = EmbeddingsService(idle_s=idle_s, threads=threads)
    return [
        ChatCompletionsService(engine, vision),
        CompletionsService(engine),
        embeddings,
        ModerationsService(embeddings.model, idle_s=idle_s, threads=threads),
        ImagesService(idle_s=idle_s),
        TranscriptionsService(idle_s=idle_s, threads=threads),
        SpeechService(idle_s=idle_s, threads=threads),
    ]


def _vision(options: EngineOptions) -> Vision | None:
    """Return the operator's vision model; None if none is configured. Its private folder is next to the chat model's."""
    if options.vision_model is None or options.vision_mmproj is None:
        return None
    files = VisionFiles(options.vision_model, options.vision_mmproj)
    private = options.socket.with_name(options.socket.name + ".v")
    return Vision(files, private, idle_s=options.idle_seconds, threads=options.threads)
