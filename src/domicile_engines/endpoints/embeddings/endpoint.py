"""`POST /v1/embeddings`: counts tokens, embeds each window, and combines the windows of each text."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any

from starlette.routing import Route

from domicile.kernel import errors
from domicile.kernel.fair_turns import Tenant
from domicile.openai_api.embeddings import (
    MAX_INPUT_TOKENS,
    MAX_TOKENS,
    MAX_VALUES,
    EmbeddingRequest,
    check_embedding_request,
)
from domicile.web.bodies.body_limits import body_limit
from domicile_engines.endpoints.embeddings import reply as replies
from domicile_engines.endpoints.embeddings.capability import check_capability
from domicile_engines.endpoints.http import HttpReply, ModelEndpoint, json_reader
from domicile_engines.models.cl100k_base.token_ids import texts
from domicile_engines.models.entry import model_entry
from domicile_engines.models.minilm.model import DIMENSIONS, MODEL_ID, MiniLm, Vector, combine, windows
from domicile_engines.runtime.engine_errors import too_long
from domicile_engines.runtime.resident import Resident, go_on

CHARACTERS_MAX = 16 * MAX_INPUT_TOKENS
"""Maximum per text, checked before tokens are counted: tokenizing a few megabytes takes a minute and a gigabyte of memory.

No language has tokens of 16 characters on average.
"""
_PATH = "/v1/embeddings"
_MARKERS = 2
# Tokens of one turn: about half a second. Other projects get their turn between two turns of a large request.
_TOKENS_PER_TURN = 512

Windows = Sequence[Sequence[int]]

read_embedding = json_reader(
    EmbeddingRequest,
    check_embedding_request,
    check_capability,
    limit_bytes=body_limit(_PATH),
    max_values=MAX_VALUES,
)


class EmbeddingsService:
    """The embedding model and its endpoint."""

    def __init__(self, *, idle_s: float, threads: int) -> None:
        """`idle_s`: seconds without a request before the model is unloaded. `threads`: CPU threads of the model."""
        self.model = Resident(MODEL_ID, partial(MiniLm, threads), idle_s=idle_s)
        """Shared with moderation."""

    def routes(self) -> Sequence[Route]:
        """The route of `POST /v1/embeddings`."""
        return [Route(_PATH, ModelEndpoint(read_embedding, self._answer), methods=["POST"])]

    def describe(self) -> Sequence[dict[str, Any]]:
        """The entry of the embedding model."""
        return [model_entry(MODEL_ID, "sentence-transformers", "embeddings", dimensions=DIMENSIONS)]

    async def close(self) -> None:
        """Unload the model, which moderation shares."""
        await self.model.close()

    async def _answer(self, request: EmbeddingRequest, project: Tenant, reply: HttpReply) -> None:
        split = await self.model.run(partial(_tokenize, request), project)
        parts = [window for text in split for window in text]
        embedded = await self.model.run_in_turns(_turns(parts), project)
        await reply.json(await asyncio.to_thread(_encode, request, split, chain.from_iterable(embedded)))


def _tokenize(request: EmbeddingRequest, model: MiniLm, left: threading.Event) -> list[Windows]:
    """Split each text into windows. Raises a 400 for a text or a request beyond the API's limits."""
    split: list[Windows] = []
    in_all = 0
    for name, text in texts(request.input, "input"):
        go_on(left)
        if len(text) > CHARACTERS_MAX:
            raise too_long(name, MAX_INPUT_TOKENS)
        tokens = model.tokens(text)
        if len(tokens) > MAX_INPUT_TOKENS:
            raise too_long(name, MAX_INPUT_TOKENS, len(tokens))
        in_all += len(tokens)
        if in_all > MAX_TOKENS:
            raise errors.invalid_value(
                f"The texts of 'input' have more than {MAX_TOKENS} tokens in all. Send them in several requests.",
                "input",
            )
        split.append(windows(tokens))
    return split


def _turns(parts: Windows) -> list[Callable[[MiniLm, threading.Event], list[Vector]]]:
    """Group the windows into turns of about half a second."""
    turns: list[list[Sequence[int]]] = []
    room = 0
    for window in parts:
        cost = len(window) + _MARKERS
        if cost > room:
            turns.append([])
            room = _TOKENS_PER_TURN
        turns[-1].append(window)
        room -= cost
    return [partial(_embed, turn) for turn in turns]


def _embed(turn: Windows, model: MiniLm, left: threading.Event) -> list[Vector]:
    vectors = []
    for window in turn:
        go_on(left)
        vectors.append(model.embed(window))
    return vectors


def _encode(request: EmbeddingRequest, split: Sequence[Windows], embedded: Iterator[Vector]) -> bytes:
    dimensions = request.dimensions or DIMENSIONS
    vectors = [combine([(len(window), next(embedded)) for window in text], dimensions) for text in split]
    tokens = sum(len(window) + _MARKERS for text in split for window in text)
    return replies.encode(request, vectors, tokens)
