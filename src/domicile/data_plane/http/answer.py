"""What a handler answers with. `handling` alone turns it into messages of the web framework."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from domicile.data_plane.inference.adapter import JSON
from domicile.data_plane.inference.cancellation import Cancellation


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer with status 200. Errors are raised, never answered with this."""

    body: bytes
    media_type: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """Beside those that every answer has. Names are in lower case."""


@dataclass(frozen=True, slots=True)
class StreamedAnswer:
    """An answer that is sent as it is made, with status 200."""

    pieces: AsyncGenerator[bytes, None]
    """Raw bytes, or whole events: `data: ...` with the empty line. It is closed whatever happens."""
    media_type: str
    cancellation: Cancellation
    """Told when the server cuts the answer off."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Beside those that every answer has. Names are in lower case."""


AnyAnswer = Answer | StreamedAnswer


def json_answer(value: Any) -> Answer:
    """A struct or plain values as JSON."""
    return Answer(msgspec.json.encode(value), JSON)
