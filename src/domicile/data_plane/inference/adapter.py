"""What one endpoint says of its requests and replies. The request lifecycle asks its adapter and knows no endpoint by name.

An adapter is stateless and serves all requests. For each request it makes one reader of the reply, which may hold state.
Neither does I/O.
"""

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
    """The tier that was used, for callers who named one; else None, as the specification says."""


@dataclass(frozen=True, slots=True)
class ReplyPart:
    """A whole reply, or one piece of a streamed one, ready for the caller, and what it adds to the usage."""

    body: bytes
    """Empty when the caller sees nothing of this part."""
    platform_usage: Usage = Usage()  # noqa: RUF009 - frozen
    """The platform's count of this part."""
    engine_usage: Usage | None = None
    """The engine's own count of everything until here. None where it sent none, or one that cannot be true."""
    image_size: ImageSize | None = None
    """The size of the images in this part, where it is one of the specification's. Usage is grouped by it."""


class ReplyReader(Protocol):
    """Reads the reply to one request. It may hold state. Large data is read in a thread, one call at a time."""

    def reply(self, raw: bytes) -> ReplyPart:
        """The whole reply. Raises ValueError when it cannot be read."""
        ...


class StreamReader(ReplyReader, Protocol):
    """Reads a reply that comes whole or in pieces."""

    def piece(self, data: bytes) -> ReplyPart:
        """The next piece: the data of one event with its framing, or raw bytes. Raises ValueError when it cannot be read."""
        ...

    def end(self) -> bytes:
        """The bytes after the last piece. Only a complete answer has them."""
        ...


class EndpointAdapter(Protocol[RequestT_contra]):
    """One endpoint, for requests whose replies come whole."""

    @property
    def endpoint(self) -> Endpoint:
        """The path by which the catalogue knows the endpoint."""
        ...

    def check(self, request: RequestT_contra) -> None:
        """Check the specification's rules beyond types. Raises `DomicileError` 400."""
        ...

    def media_type(self, request: RequestT_contra) -> str:
        """The media type of the answer."""
        ...

    def encode(self, request: RequestT_contra, *, model: str, cache_salt: str | None) -> EngineRequest:
        """Encode for an engine what policy has read, under the engine's own name for the model."""
        ...

    def request_usage(self, request: RequestT_contra, sent: EngineRequest) -> Usage:
        """The platform's count of the request itself, once an engine has taken it."""
        ...

    def begin(self, request: RequestT_contra, names: ReplyNames) -> ReplyReader:
        """A reader for the reply to this request."""
        ...


class StreamingEndpointAdapter(EndpointAdapter[RequestT_contra], Protocol[RequestT_contra]):
    """One endpoint whose replies may come in pieces."""

    def is_raw(self, request: RequestT_contra) -> bool:
        """Whether the pieces are the answer's own bytes. Otherwise they are the data of server-sent events."""
        ...

    def begin(self, request: RequestT_contra, names: ReplyNames) -> StreamReader:
        """A reader for the reply to this request."""
        ...


def plausible(usage: Usage) -> Usage | None:
    """The engine's count, or None when a quantity is negative or more than any model handles."""
    return usage if all(0 <= getattr(usage, name) <= _MAX_COUNT for name in usage.__struct_fields__) else None


def estimated_tokens(size: int) -> int:
    """The tokens in `size` bytes of text, roughly."""
    return size // BYTES_PER_TOKEN


def event(data: bytes) -> bytes:
    """A server-sent event with this data, and the empty line that ends it."""
    return b"data: " + data + b"\n\n"
