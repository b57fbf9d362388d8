"""An embeddings request as this engine reads it."""

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct

from domicile_engines.models.cl100k_base import token_ids
from domicile_engines.runtime.errors import invalid
from domicile_engines.runtime.json_request import read_request

INPUTS_MAX = 2048
"""Texts in one request, as in the API's specification; a text may be that many token ids long there, and 8,192 here."""


class EmbeddingsRequest(Struct, forbid_unknown_fields=True):
    """All of the embeddings API."""

    model: str
    input: str | list[str | int | list[int]]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1)] | None = None
    user: str | None = None


def decode(body: bytes) -> EmbeddingsRequest:
    """Read a request's body, or refuse it with the member that is wrong."""
    return read_request(body, EmbeddingsRequest)


def texts(request: EmbeddingsRequest) -> Iterator[tuple[str, str]]:
    """The texts to embed, in order, each with what it is called in an error.

    Token ids are those of cl100k_base, which is what clients send. Reading many takes a while: not for the event loop.
    """
    given = request.input
    if isinstance(given, str) or (given and all(isinstance(item, int) for item in given)):
        yield "input", _text(given, "input")
        return
    if not given:
        raise invalid("'input' must hold at least one text.", "input")
    if len({type(item) for item in given}) > 1:
        raise invalid("'input' must hold texts, or token ids, or lists of token ids, and not a mixture.", "input")
    if len(given) > INPUTS_MAX:
        raise invalid(f"'input' has {len(given)} texts; at most {INPUTS_MAX} can be sent at once.", "input")
    for index, item in enumerate(given):
        yield f"input[{index}]", _text(item, f"input[{index}]")


def _text(given: object, param: str) -> str:
    text = token_ids.decode(given, param) if isinstance(given, list) else str(given)
    if not text:
        raise invalid(f"'{param}' is empty. An empty text has no embedding.", param)
    return text
