"""OpenAI's shape of embeddings."""

import base64
from collections.abc import Sequence

import msgspec

from domicile.openai_api.embeddings import EmbeddingRequest
from domicile_engines.models.minilm.model import Vector


def encode(request: EmbeddingRequest, vectors: Sequence[Vector], tokens: int) -> bytes:
    """The reply's body. Vectors are lists of numbers, or little-endian float32 in base64 as the SDKs read it."""
    as_base64 = request.encoding_format == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": _base64(vector) if as_base64 else vector.tolist()}
        for index, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return msgspec.json.encode({"object": "list", "data": data, "model": request.model, "usage": usage})


def _base64(vector: Vector) -> str:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")
