"""The return types of handlers. Only `handling` converts them into responses of the web framework."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from domicile.data_plane.inference.adapter import JSON
from domicile.data_plane.inference.cancellation import Cancellation


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer with status 200. Handlers raise `DomicileError` for errors."""

    body: bytes
    media_type: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers in addition to those of every answer. Names are in lower case."""


@dataclass(frozen=True, slots=True)
class StreamedAnswer:
    """A streamed answer."""

    pieces: AsyncGenerator[bytes, None]
    """Raw bytes, or whole events: `data: ...` with the empty line. `StreamedResponse` always closes it."""
    media_type: str
    cancellation: Cancellation
    """Records when the server cuts the answer off."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers in addition to those of every answer. Names are in lower case. Without `content-length` it goes out in chunks."""
    status: int = 200


AnyAnswer = Answer | StreamedAnswer


def json_answer(value: Any) -> Answer:
    """An answer with a struct or plain values as JSON."""
    return Answer(msgspec.json.encode(value), JSON)
