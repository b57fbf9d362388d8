"""`POST /v1/images/generations`: draws the images one after the other, and replies with all of them."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec
from starlette.routing import Route

from domicile.kernel.fair_turns import Tenant
from domicile.openai_api.images import ImageRequest, check_image_request
from domicile.web.bodies.body_limits import body_limit
from domicile_engines.endpoints.http import HttpReply, ModelEndpoint, json_reader
from domicile_engines.endpoints.images import reply as replies
from domicile_engines.endpoints.images.capability import MODEL_ID, check_capability
from domicile_engines.models.entry import model_entry
from domicile_engines.models.procedural_sketch.drawing import draw_scene, png
from domicile_engines.models.procedural_sketch.scene import describe, read_prompt
from domicile_engines.runtime.resident import Resident

_PATH = "/v1/images/generations"
_PIXELS = {"1792x1024": (1792, 1024), "1024x1792": (1024, 1792)}
_SQUARE = (1024, 1024)

read_image_request = json_reader(ImageRequest, check_image_request, check_capability, limit_bytes=body_limit(_PATH))


class ImagesService:
    """The images endpoint and its drawing program. The program has no weights; `Resident` gives it a thread and a queue."""

    def __init__(self, *, idle_s: float) -> None:
        """`idle_s`: as for the other services, though the program has no weights to unload."""
        self._sketcher = Resident(MODEL_ID, object, idle_s=idle_s)

    def routes(self) -> Sequence[Route]:
        """The route of `POST /v1/images/generations`."""
        return [Route(_PATH, ModelEndpoint(read_image_request, self._answer), methods=["POST"])]

    def describe(self) -> Sequence[dict[str, Any]]:
        """The entry of the drawing program."""
        return [model_entry(MODEL_ID, "domicile", "images")]

    async def close(self) -> None:
        """Stop running drawings."""
        await self._sketcher.close()

    async def _answer(self, request: ImageRequest, project: Tenant, reply: HttpReply) -> None:
        turns: list[Callable[[object, threading.Event], dict[str, str]]] = [
            partial(_draw, request, index) for index in range(request.images)
        ]
        pictures = await self._sketcher.run_in_turns(turns, project)
        await reply.json(await asyncio.to_thread(replies.encode, pictures))


def _draw(request: ImageRequest, index: int, _sketcher: object, left: threading.Event) -> dict[str, str]:
    """Draw one image of a request. The same request always gives the same images."""
    style, hd = request.style or "vivid", request.quality == "hd"
    pixels = _PIXELS.get(request.size or "auto", _SQUARE)
    scene = read_prompt(request.prompt)
    seed = msgspec.json.encode([request.prompt, index, pixels, style, hd])
    return replies.picture(png(draw_scene(scene, pixels, seed=seed, style=style, hd=hd, left=left)), describe(scene))
