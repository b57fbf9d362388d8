"""POST /v1/embeddings: the request, closed, and the reply (`CreateEmbeddingRequest`, OpenAI's specification 2.3.0)."""

import base64
import struct
from types import MappingProxyType
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from domicile.kernel import errors
from domicile.openai_api.closed import ModelRequest
from domicile.openai_api.lenient import Lenient

MAX_INPUTS = 2048
MAX_INPUT_TOKENS = 8192
MAX_TOKENS = 300_000
MAX_VALUES = MAX_TOKENS + 10_000
"""Maximum JSON values in a body: each token may be a number, and the other members are few."""
_FLOAT_BYTES = 4
VECTOR_SIZES = MappingProxyType(
    {"text-embedding-ada-002": 1536, "text-embedding-3-small": 1536, "text-embedding-3-large": 3072}
)
"""Dimensions of OpenAI's models by snapshot. Clients' tables are made for these sizes."""

TokenId = Annotated[int, Meta(ge=0, le=2**31 - 1)]
EncodingFormat = Literal["float", "base64"]


class EmbeddingRequest(ModelRequest, frozen=True, kw_only=True):
    """The request, with every member that the API allows.

    `input`: a text, a list of texts, the token ids of one text, or a list of such lists.
    """

    input: str | Annotated[list[str | TokenId | list[TokenId]], Meta(min_length=1)]
    encoding_format: EncodingFormat | None = None
    dimensions: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    user: str | None = None

    @property
    def inputs(self) -> int:
        """How many vectors the caller wants. A list of token ids is one text."""
        if isinstance(self.input, str) or isinstance(self.input[0], int):
            return 1
        return len(self.input)


class Embedding(Lenient, frozen=True):
    """One vector: a list of numbers, or little-endian 32-bit floats in base64."""

    index: int
    embedding: list[float] | str
    object: str = msgspec.field(default_factory=lambda: "embedding")


class EmbeddingUsage(Lenient, frozen=True):
    """The tokens of all inputs."""

    prompt_tokens: int = msgspec.field(default_factory=int)
    total_tokens: int = msgspec.field(default_factory=int)


class EmbeddingList(Lenient, frozen=True):
    """The vectors, in the order of the inputs."""

    data: list[Embedding]
    model: str = msgspec.field(default_factory=str)
    object: str = msgspec.field(default_factory=lambda: "list")
    usage: EmbeddingUsage = msgspec.field(default_factory=EmbeddingUsage)


def check_embedding_request(request: EmbeddingRequest) -> None:
    """Check the rules that types cannot express. Raises `DomicileError` 400 that names the input."""
    given = request.input
    if isinstance(given, str):
        _check_text(given, "input")
        return
    if isinstance(given[0], int):
        _check_tokens(given, "input")
        return
    if len(given) > MAX_INPUTS:
        raise errors.invalid_value(f"'input' has {len(given)} inputs: send at most {MAX_INPUTS} at a time.", "input")
    total = 0
    for index, each in enumerate(given):
        if type(each) is not type(given[0]):
            raise errors.invalid_type(
                "'input' must be of one kind: texts, tokens, or lists of tokens.", f"input[{index}]"
            )
        if isinstance(each, str):
            _check_text(each, f"input[{index}]")
        elif isinstance(each, list):
            _check_tokens(each, f"input[{index}]")
            total += len(each)
    if total > MAX_TOKENS:
        raise errors.invalid_value(f"'input' has {total} tokens in all: send at most {MAX_TOKENS} at a time.", "input")


def _check_text(text: str, param: str) -> None:
    if not text:
        raise errors.invalid_value(f"'{param}' must not be an empty string.", param)


def _check_tokens(tokens: list[str | int | list[int]] | list[int], param: str) -> None:
    if not tokens or any(not isinstance(token, int) for token in tokens):
        raise errors.invalid_type(f"'{param}' must be a list of at least one token, and of tokens only.", param)
    if len(tokens) > MAX_INPUT_TOKENS:
        raise errors.invalid_request(
            f"Input tokens exceed the configured limit of {MAX_INPUT_TOKENS} tokens. Your input resulted in {len(tokens)}"
            " tokens. Please reduce the length of the input.",
            param=param,
            code="context_length_exceeded",
        )


def encode_for_engine(request: EmbeddingRequest, *, model: str) -> bytes:
    """Encode the parsed request for an engine, without `user`. `model`: the engine's own name for the model."""
    return msgspec.json.encode(msgspec.structs.replace(request, model=model, user=None))


def decode_embeddings(data: bytes) -> EmbeddingList:
    """Decode an engine's reply. Raises ValueError."""
    return msgspec.json.decode(data, type=EmbeddingList)


def encode_embeddings(reply: EmbeddingList, request: EmbeddingRequest, *, model: str) -> bytes:
    """Encode a reply for the caller. `model`: the requested snapshot.

    Not every engine knows `encoding_format` and `dimensions`, so both are applied here. A vector that is shorter than
    requested, or than the snapshot's size, is filled with zeros, which keep all cosines.

    Raises ValueError if the vectors do not match the inputs.
    """
    if [each.index for each in reply.data] != list(range(request.inputs)):
        raise ValueError("the engine's vectors are not those of the inputs")
    as_base64 = request.encoding_format == "base64"
    size = request.dimensions or VECTOR_SIZES.get(model, 0)
    data = [
        msgspec.structs.replace(each, embedding=_in_encoding(each.embedding, size, as_base64=as_base64))
        for each in reply.data
    ]
    return msgspec.json.encode(msgspec.structs.replace(reply, data=data, model=model))


def _in_encoding(vector: list[float] | str, size: int, *, as_base64: bool) -> list[float] | str:
    """The vector as a list or in base64, filled with zeros to at least `size` numbers."""
    if isinstance(vector, list):
        padded = [*vector, *[0.0] * (size - len(vector))]
        return base64.b64encode(struct.pack(f"<{len(padded)}f", *padded)).decode("ascii") if as_base64 else padded
    raw = base64.b64decode(vector, validate=True)
    if len(raw) % _FLOAT_BYTES:
        raise ValueError("not 32-bit floats")
    raw = raw.ljust(size * _FLOAT_BYTES, b"\0")
    if as_base64:
        return base64.b64encode(raw).decode("ascii")
    return list(struct.unpack(f"<{len(raw) // _FLOAT_BYTES}f", raw))
