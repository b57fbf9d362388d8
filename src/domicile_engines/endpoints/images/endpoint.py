"""`POST /v1/images/generations`: read, draw one picture after the other, answer with all of them."""

import asyncio
import base64
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec
from starlette.routing import Route

from domicile_engines.endpoints.http import Endpoint, EngineRequest, Reply
from domicile_engines.endpoints.images.request import MODEL_ID, ImageRequest, decode
from domicile_engines.models.entry import model_entry
from domicile_engines.models.procedural_sketch.canvas import png
from domicile_engines.models.procedural_sketch.composition import draw_scene
from domicile_engines.models.procedural_sketch.description import describe
from domicile_engines.models.procedural_sketch.scene import read_prompt
from domicile_engines.runtime.resident import Resident


class Images:
    """The drawing program and its endpoint. It has no weights: being resident gives it a thread and a bounded queue."""

    def __init__(self, *, idle_s: float) -> None:
        self._sketcher = Resident(MODEL_ID, object, idle_s=idle_s)

    def routes(self) -> Sequence[Route]:
        """See `Family`."""
        return [Route("/v1/images/generations", Endpoint(self._answer), methods=["POST"])]

    def describe(self) -> Sequence[dict[str, Any]]:
        """See `Family`."""
        return [model_entry(MODEL_ID, "domicile", "images")]

    async def close(self) -> None:
        """See `Family`."""
        await self._sketcher.close()

    async def _answer(self, asked: EngineRequest, reply: Reply) -> None:
        request = decode(asked.body)
        turns: list[Callable[[object, threading.Event], dict[str, str]]] = [
            partial(_draw, request, index) for index in range(request.n or 1)
        ]
        pictures = await self._sketcher.run_in_turns(turns, asked.tenant)
        answer = {"created": int(time.time()), "data": pictures}
        await reply.json(await asyncio.to_thread(msgspec.json.encode, answer))


def _draw(request: ImageRequest, index: int, _sketcher: object, left: threading.Event) -> dict[str, str]:
    """One picture of a request. The same request gives the same pictures."""
    style, hd = request.style or "vivid", request.quality == "hd"
    scene = read_prompt(request.prompt)
    seed = msgspec.json.encode([request.prompt, index, request.pixels, style, hd])
    picture = png(draw_scene(scene, request.pixels, seed=seed, style=style, hd=hd, left=left))
    return {"b64_json": base64.b64encode(picture).decode("ascii"), "revised_prompt": describe(scene)}
