"""A server that takes and sends files as a region does, by the same listener, form reader and store, and seals nothing.

python -m bench.plain_store FOLDER PORT
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import uvloop
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from domicile.data_plane.http.files import UPLOAD_LIMITS
from domicile.data_plane.storage.object_store import LocalObjectStore
from domicile.web.application import Application
from domicile.web.bodies.form_stream import stream_form
from domicile.web.bodies.reading import json_response
from domicile.web.observability.logging import configure_logging
from domicile.web.server.http_server import HttpServer, bind, serving

READ_BYTES = 4 * 1024 * 1024
NAME = "file"


class Fields(msgspec.Struct):
    """The form's fields beside the file."""

    purpose: str


class Sink:
    """Hands pieces to the store as they come."""

    def __init__(self, store: LocalObjectStore) -> None:
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(1)
        self._upload = asyncio.create_task(store.put(NAME, self._source()))
        self._size = 0

    async def write(self, data: bytes) -> None:
        self._size += len(data)
        await self._pieces.put(data)

    async def close(self) -> int:
        await self._pieces.put(None)
        await self._upload
        return self._size

    async def abort(self) -> None:
        self._upload.cancel()

    async def _source(self) -> AsyncIterator[bytes]:
        while (piece := await self._pieces.get()) is not None:
            yield piece


class Plain:
    """The handlers."""

    def __init__(self, store: LocalObjectStore) -> None:
        self._store = store
        self._size = 0

    async def create(self, request: Request) -> Response:
        async def open_sink(_name: str) -> Sink:
            return Sink(self._store)

        _, self._size = await stream_form(
            request, Fields, file="file", lists=frozenset(), limits=UPLOAD_LIMITS, open_sink=open_sink
        )
        return json_response({"id": NAME})

    async def content(self, _request: Request) -> Response:
        size = self._size

        async def read(start: int) -> bytes:
            return await self._store.read(NAME, start, min(start + READ_BYTES, size))

        async def pieces() -> AsyncIterator[bytes]:
            ahead = asyncio.create_task(read(0))
            for start in range(READ_BYTES, size + READ_BYTES, READ_BYTES):
                piece = await ahead
                if start < size:
                    ahead = asyncio.create_task(read(start))
                yield piece

        return StreamingResponse(pieces(), headers={"content-length": str(size)})

    async def delete(self, _request: Request) -> Response:
        await self._store.delete(NAME)
        return json_response({})


async def serve(folder: Path, port: int) -> None:
    """Until the process is ended."""
    plain = Plain(LocalObjectStore(folder))
    routes = [
        Route("/v1/files", plain.create, methods=["POST"]),
        Route("/v1/files/{id}/content", plain.content, methods=["GET"]),
        Route("/v1/files/{id}", plain.delete, methods=["DELETE"]),
    ]
    async with serving([HttpServer(Application(routes), bind("127.0.0.1", port))]):
        await asyncio.Event().wait()


if __name__ == "__main__":
    configure_logging("warning")
    uvloop.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
