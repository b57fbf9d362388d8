"""`POST /v1/moderations`: splits texts into passages, scores them, and keeps the highest score of each category."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from starlette.routing import Route

from domicile.kernel.fair_turns import Tenant
from domicile.openai_api.moderations import ModerationRequest, check_moderation_request
from domicile_engines.endpoints.http import HttpReply, ModelEndpoint, json_reader
from domicile_engines.endpoints.moderations import reply as replies
from domicile_engines.endpoints.moderations.capability import MODEL_ID, check_capability
from domicile_engines.models.entry import model_entry
from domicile_engines.models.minilm.model import MiniLm
from domicile_engines.models.moderation.passages import passages
from domicile_engines.models.moderation.text_model import NOTHING, Scores, load_heads, score_passage
from domicile_engines.models.open_nsfw.model import OpenNsfw
from domicile_engines.models.open_nsfw.picture import read_picture
from domicile_engines.runtime.resident import Resident, go_on

_IMAGE_MODEL_ID = "open-nsfw"
_LIMIT_BYTES = 24 * 1024 * 1024
"""Images are inside the body as base64, and the region adds the images that it has fetched."""
# Characters of one turn: about half a second. Other projects get their turn between two turns of a long text.
_LETTERS_PER_TURN = 2_000

read_moderation = json_reader(ModerationRequest, check_moderation_request, check_capability, limit_bytes=_LIMIT_BYTES)


@dataclass(frozen=True)
class ScoredInput:
    """The input of one result: one text, or all parts of a request. Images are pairs of path and data URL."""

    texts: Sequence[str] = ()
    images: Sequence[tuple[str, str]] = ()


def items(request: ModerationRequest) -> Sequence[ScoredInput]:
    """One item for each text of a list of texts. All parts of a list of parts are one item."""
    if isinstance(request.input, str) or isinstance(request.input[0], str):
        return [ScoredInput([text]) for text in request.texts()]
    return [ScoredInput(list(request.texts()), list(request.images()))]


class ModerationsService:
    """The moderations endpoint, with the text model (heads over MiniLM) and the image model."""

    def __init__(self, minilm: Resident[MiniLm], *, idle_s: float, threads: int) -> None:
        """`minilm`: shared with the embeddings service, which closes it."""
        self._minilm = minilm
        self._images = Resident(_IMAGE_MODEL_ID, partial(OpenNsfw, threads), idle_s=idle_s)

    def routes(self) -> Sequence[Route]:
        """The route of `POST /v1/moderations`."""
        return [Route("/v1/moderations", ModelEndpoint(read_moderation, self._answer), methods=["POST"])]

    def describe(self) -> Sequence[dict[str, Any]]:
        """One entry for the text model and the image model together."""
        return [model_entry(MODEL_ID, "domicile", "moderations", "image")]

    async def close(self) -> None:
        """Unload the image model. The embeddings service unloads MiniLM."""
        await self._images.close()

    async def _answer(self, request: ModerationRequest, project: Tenant, reply: HttpReply) -> None:
        wanted = items(request)
        # Images first, so that a damaged one is refused before any text is scored.
        image_scores = [await self._worst_image(item, project) for item in wanted]
        text_scores = await self._worst_texts(wanted, project)
        results = [
            replies.result(scores.tolist(), image_score, has_text=bool(item.texts))
            for item, scores, image_score in zip(wanted, text_scores, image_scores, strict=True)
        ]
        await reply.json(replies.encode(request.model, results))

    async def _worst_image(self, item: ScoredInput, project: Tenant) -> float | None:
        if not item.images:
            return None
        pieces = [partial(_score_image, url, param) for param, url in item.images]
        return max(await self._images.run_in_turns(pieces, project))

    async def _worst_texts(self, wanted: Sequence[ScoredInput], project: Tenant) -> list[Scores]:
        """For each item, the highest score of each category among its passages."""
        cut = await asyncio.to_thread(
            lambda: [[passage for text in item.texts for passage in passages(text)] for item in wanted]
        )
        every = [passage for found in cut for passage in found]
        turns = await self._minilm.run_in_turns(_turns(every), project)
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
