"""What one endpoint says of its requests and replies. The request lifecycle asks its adapter and knows no endpoint by name."""

from dataclasses import dataclass
from typing import Protocol, TypeVar

from domicile.boundary.usage import ImageSize, Usage
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.engines.port import EngineRequest

RequestT = TypeVar("RequestT")
RequestT_contra = TypeVar("RequestT_contra", contravariant=True)

JSON = "application/json"
EVENT_STREAM = "text/event-stream"

# Where an engine's own count never came, tokens are estimated from bytes. The ledger says so.
BYTES_PER_TOKEN = 4
# More than any model reads or writes. A count outside would spoil a whole report of many keys' usage.
_MAX_COUNT = 2**31


@dataclass(frozen=True, slots=True)
class ReplyNames:
    """The names that a reply carries."""

    model: str
    """The snapshot that was asked for."""
    service_tier: str | None
    """The tier that was used, for callers who named one; else nothing, as the specification says."""


@dataclass(frozen=True, slots=True)
class ReplyPart:
    """A whole reply, or one piece of a streamed one, ready for the caller, and what it adds to the count."""

    body: bytes
    """Empty: there is nothing of it that the caller sees."""
    platform_usage: Usage = Usage()  # noqa: RUF009 - frozen
    """The platform's count of this part."""
    engine_usage: Usage | None = None
    """The engine's own count of everything until here, where it sends one that can be true."""
    image_size: ImageSize | None = None
    """Of the images in this part, where it is one of the specification's: usage is told apart by it."""


class EndpointAdapter(Protocol[RequestT_contra]):
    """One endpoint. Nothing here does I/O; a reply that cannot be read raises ValueError."""

    @property
    def endpoint(self) -> Endpoint:
        """Its path, by which the catalogue knows it."""
        ...

    def check(self, request: RequestT_contra) -> None:
        """The specification's rules beyond types. Raises `DomicileError` 400."""
        ...

    def media_type(self, request: RequestT_contra) -> str:
        """Of the answer."""
        ...

    def encode(self, request: RequestT_contra, *, model: str, cache_salt: str | None) -> EngineRequest:
        """What an engine is sent: the re-encoding of what policy read, under the engine's own name for the model."""
        ...

    def request_usage(self, request: RequestT_contra, sent: EngineRequest) -> Usage:
        """What the platform counts of the request itself, once an engine has taken it."""
        ...

    def reply(self, raw: bytes, request: RequestT_contra, names: ReplyNames) -> ReplyPart:
        """A whole reply."""
        ...


class StreamingEndpointAdapter(EndpointAdapter[RequestT_contra], Protocol[RequestT_contra]):
    """An endpoint whose answers may come in pieces."""

    def is_raw(self, request: RequestT_contra) -> bool:
        """Whether the pieces are the answer's own bytes; else they are the data of server-sent events."""
        ...

    def piece(self, data: bytes, request: RequestT_contra, names: ReplyNames) -> ReplyPart:
        """One piece: a whole event with its empty line, or raw bytes."""
        ...

    def end(self, request: RequestT_contra) -> bytes:
        """What follows the last piece of a whole answer."""
        ...


def plausible(usage: Usage) -> Usage | None:
    """An engine's count, if it can be one: no quantity is negative, or more than any model handles."""
    return usage if all(0 <= getattr(usage, name) <= _MAX_COUNT for name in usage.__struct_fields__) else None


def estimated_tokens(size: int) -> int:
    """Tokens in so many bytes of text, roughly."""
    return size // BYTES_PER_TOKEN
