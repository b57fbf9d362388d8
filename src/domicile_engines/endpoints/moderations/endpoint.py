"""`POST /v1/moderations`: read, cut into passages, score, and keep the worst of each category."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from starlette.routing import Route

from domicile_engines.endpoints.http import Endpoint, EngineRequest, Reply
from domicile_engines.endpoints.moderations import reply as replies
from domicile_engines.endpoints.moderations.request import Item, decode, items
from domicile_engines.models.entry import model_entry
from domicile_engines.models.minilm.model import MiniLm
from domicile_engines.models.moderation.passages import passages
from domicile_engines.models.moderation.text_model import NOTHING, Scores, load_heads, score_passage
from domicile_engines.models.open_nsfw.model import OpenNsfw
from domicile_engines.models.open_nsfw.picture import read_picture
from domicile_engines.runtime.errors import other_model
from domicile_engines.runtime.resident import Resident, go_on

MODEL_ID = "domicile-moderation"
_IMAGE_MODEL_ID = "open-nsfw"
_BODY_BYTES_MAX = 24 * 1024 * 1024
# How long others wait at most before they have their turn beside a long text: about half a second.
_LETTERS_PER_TURN = 2_000


class Moderation:
    """The heads over the embedding model, a model for images, and their endpoint."""

    def __init__(self, minilm: Resident[MiniLm], *, idle_s: float, threads: int) -> None:
        """`minilm`: shared with the embeddings, which close it."""
        self._minilm = minilm
        self._images = Resident(_IMAGE_MODEL_ID, partial(OpenNsfw, threads), idle_s=idle_s)

    def routes(self) -> Sequence[Route]:
        """See `Family`."""
        return [Route("/v1/moderations", Endpoint(self._answer, _BODY_BYTES_MAX), methods=["POST"])]

    def describe(self) -> Sequence[dict[str, Any]]:
        """See `Family`."""
        return [model_entry(MODEL_ID, "domicile", "moderations", "image")]

    async def close(self) -> None:
        """See `Family`."""
        await self._images.close()

    async def _answer(self, asked: EngineRequest, reply: Reply) -> None:
        request = decode(asked.body)
        if request.model != MODEL_ID:
            raise other_model(MODEL_ID)
        wanted = items(request)
        # Images first: one that is damaged is refused before any text has cost anything.
        image_scores = [await self._worst_image(item, asked.tenant) for item in wanted]
        text_scores = await self._worst_texts(wanted, asked.tenant)
        results = [
            replies.result(scores.tolist(), image_score, has_text=bool(item.texts))
            for item, scores, image_score in zip(wanted, text_scores, image_scores, strict=True)
        ]
        await reply.json(replies.encode(request.model, results))

    async def _worst_image(self, item: Item, tenant: str | None) -> float | None:
        if not item.images:
            return None
        pieces = [partial(_score_image, url, param) for param, url in item.images]
        return max(await self._images.run_in_turns(pieces, tenant))

    async def _worst_texts(self, wanted: Sequence[Item], tenant: str | None) -> list[Scores]:
        """The highest score of each category among an item's passages."""
        cut = await asyncio.to_thread(
            lambda: [[passage for text in item.texts for passage in passages(text)] for item in wanted]
        )
        every = [passage for found in cut for passage in found]
        turns = await self._minilm.run_in_turns(_turns(every), tenant)
        scored = iter([scores for turn in turns for scores in turn])
        return [np.max([NOTHING, *(next(scored) for _ in found)], axis=0) for found in cut]


def _turns(every: Sequence[str]) -> list[Callable[[MiniLm, threading.Event], list[Scores]]]:
    turns: list[list[str]] = []
    room = 0
    for passage in every:
        if not turns or len(passage) > room:
            turns.append([])
            room = _LETTERS_PER_TURN
        turns[-1].append(passage)
        room -= len(passage)
    return [partial(_score_texts, turn) for turn in turns]


def _score_texts(turn: Sequence[str], model: MiniLm, left: threading.Event) -> list[Scores]:
    heads = load_heads()
    scored = []
    for passage in turn:
        go_on(left)
        scored.append(score_passage(model, heads, passage))
    return scored


def _score_image(url: str, param: str, model: OpenNsfw, left: threading.Event) -> float:
    go_on(left)
    return model.score(read_picture(url, param))
