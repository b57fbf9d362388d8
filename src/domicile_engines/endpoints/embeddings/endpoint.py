"""`POST /v1/embeddings`: read, count, embed window by window, combine."""

import asyncio
import base64
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any

import msgspec
from starlette.routing import Route

from domicile_engines.endpoints.embeddings.request import EmbeddingsRequest, decode, texts
from domicile_engines.endpoints.http import Endpoint, EngineRequest, Reply
from domicile_engines.models.entry import model_entry
from domicile_engines.models.minilm.model import (
    DIMENSIONS,
    DIMENSIONS_MAX,
    MODEL_ID,
    MiniLm,
    Vector,
    combine,
    windows,
)
from domicile_engines.runtime.errors import invalid, other_model, too_long
from domicile_engines.runtime.resident import Resident, go_on

TOKENS_MAX = 8192
TOKENS_IN_ALL_MAX = 300_000
CHARACTERS_MAX = 16 * TOKENS_MAX
"""Of one text. No language has tokens that long; and what its tokens are takes a minute and a gigabyte for a few megabytes."""
_MARKERS = 2
_BODY_BYTES_MAX = 8 * 1024 * 1024
# How long others wait at most before they have their turn beside a request of many texts.
_TOKENS_PER_TURN = 512

Windows = Sequence[Sequence[int]]


class Embeddings:
    """The embedding model and its endpoint."""

    def __init__(self, *, idle_s: float, threads: int) -> None:
        self.model = Resident(MODEL_ID, partial(MiniLm, threads), idle_s=idle_s)
        """Moderation asks it too."""

    def routes(self) -> Sequence[Route]:
        """See `Family`."""
        return [Route("/v1/embeddings", Endpoint(self._answer, _BODY_BYTES_MAX), methods=["POST"])]

    def describe(self) -> Sequence[dict[str, Any]]:
        """See `Family`."""
        return [model_entry(MODEL_ID, "sentence-transformers", "embeddings", dimensions=DIMENSIONS)]

    async def close(self) -> None:
        """See `Family`."""
        await self.model.close()

    async def _answer(self, asked: EngineRequest, reply: Reply) -> None:
        request = decode(asked.body)
        dimensions = _dimensions(request)
        split = await self.model.run(partial(_tokenize, request), asked.tenant)
        parts = [window for text in split for window in text]
        embedded = await self.model.run_in_turns(_turns(parts), asked.tenant)
        await reply.json(await asyncio.to_thread(_encode, request, split, chain.from_iterable(embedded), dimensions))


def _dimensions(request: EmbeddingsRequest) -> int:
    if request.model != MODEL_ID:
        raise other_model(MODEL_ID)
    wanted = request.dimensions if request.dimensions is not None else DIMENSIONS
    if wanted > DIMENSIONS_MAX:
        raise invalid(f"'dimensions' is {wanted}: at most {DIMENSIONS_MAX}.", "dimensions")
    return wanted


def _tokenize(request: EmbeddingsRequest, model: MiniLm, left: threading.Event) -> list[Windows]:
    """Each text's windows, within the limits of the API."""
    split: list[Windows] = []
    in_all = 0
    for name, text in texts(request):
        go_on(left)
        if len(text) > CHARACTERS_MAX:
            raise too_long(name, TOKENS_MAX)
        tokens = model.tokens(text)
        if len(tokens) > TOKENS_MAX:
            raise too_long(name, TOKENS_MAX, len(tokens))
        in_all += len(tokens)
        if in_all > TOKENS_IN_ALL_MAX:
            raise invalid(
                f"The texts of 'input' have more than {TOKENS_IN_ALL_MAX} tokens in all. Send them in several requests.",
                "input",
            )
        split.append(windows(tokens))
    return split


def _turns(parts: Windows) -> list[Callable[[MiniLm, threading.Event], list[Vector]]]:
    """The windows in portions of about half a second's work."""
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


def _encode(request: EmbeddingsRequest, split: Sequence[Windows], embedded: Iterator[Vector], dimensions: int) -> bytes:
    as_base64 = request.encoding_format == "base64"
    data = []
    for index, text in enumerate(split):
        vector = combine([(len(window), next(embedded)) for window in text], dimensions)
        shown = _base64(vector) if as_base64 else vector.tolist()
        data.append({"object": "embedding", "index": index, "embedding": shown})
    tokens = sum(len(window) + _MARKERS for text in split for window in text)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return msgspec.json.encode({"object": "list", "data": data, "model": request.model, "usage": usage})


def _base64(vector: Vector) -> str:
    """Little-endian float32, as the SDKs read it."""
    return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")
