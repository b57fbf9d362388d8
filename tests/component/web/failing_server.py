"""A server whose endpoints fail in every way, with the logging of a real process.

python -m tests.component.web.failing_server --port PORT
"""

import argparse
import asyncio
from collections.abc import AsyncIterator

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from domicile.data_plane import region_errors
from domicile.kernel.dependency import DependencyUnavailableError
from domicile.web.application import Application, ClientDisconnectedError
from domicile.web.observability.logging import configure_logging
from domicile.web.server.http_server import HttpServer, bind, serving, stop_event

SECRET = "the patient in room 4"


async def fine(_request: Request) -> Response:
    return JSONResponse({"fine": True}, headers={"x-own": "yes"})


async def explode(request: Request) -> Response:
    body = await request.body()
    raise RuntimeError(f"{SECRET} {body!r}")


async def explode_in_a_chain(_request: Request) -> Response:
    try:
        raise ValueError(SECRET)
    except ValueError as error:
        raise ExceptionGroup(SECRET, [error]) from error


async def explode_late(_request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        raise RuntimeError(SECRET)

    return StreamingResponse(pieces())


async def refuse(_request: Request) -> Response:
    raise region_errors.model_not_found(SECRET)


async def refuse_late(_request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        raise region_errors.model_not_found(SECRET)

    return StreamingResponse(pieces())


async def away(_request: Request) -> Response:
    raise DependencyUnavailableError("OperationalError") from RuntimeError(SECRET)


async def abandoned(_request: Request) -> Response:
    raise ClientDisconnectedError


async def forever(_request: Request) -> Response:
    structlog.get_logger("tests").info("waiting")
    await asyncio.Event().wait()
    return Response()


async def serve(port: int) -> None:
    stop = stop_event()
    routes = [
        Route("/fine", fine, methods=["GET"]),
        Route("/items/{item}", fine, methods=["GET"]),
        Route("/explode", explode, methods=["GET", "POST"]),
        Route("/explode-in-a-chain", explode_in_a_chain),
        Route("/explode-late", explode_late),
        Route("/refuse", refuse),
        Route("/refuse-late", refuse_late),
        Route("/away", away),
        Route("/abandoned", abandoned),
        Route("/forever", forever),
    ]
    application = Application(routes, extra_headers=[(b"domicile-region", b"eu")])
    async with serving([HttpServer(application, bind("127.0.0.1", port), drain_s=1)]):
        await stop.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    configure_logging("debug")
    asyncio.run(serve(parser.parse_args().port))
