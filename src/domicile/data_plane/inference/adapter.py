"""The port of one endpoint's request and reply formats. The request lifecycle knows endpoints only through their adapters.

An adapter is stateless and serves all requests. It makes one reader for each reply; a reader may hold state. Neither does I/O.
"""

from dataclasses import dataclass
from typing import Protocol, TypeVar

from domicile.boundary.usage import ImageSize, Usage
from domicile.catalogue.catalogue import ModelEntry
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.engines.port import EngineRequest
from domicile.data_plane.limits.demand import Demand

RequestT = TypeVar("RequestT")
RequestT_contra = TypeVar("RequestT_contra", contravariant=True)

JSON = "application/json"
EVENT_STREAM = "text/event-stream"

# Used when the engine sent no token count. The ledger marks such entries as counted by the platform.
BYTES_PER_TOKEN = 4
# Above what any model reads or writes. One absurd count would make the control plane refuse a report of many keys' usage.
_MAX_COUNT = 2**31


@dataclass(frozen=True, slots=True)
class ReplyNames:
    """Names to write into a reply, in place of the engine's own."""

    model: str
    """The requested snapshot."""
    service_tier: str | None
    """The tier that served the request. None for the default tier when the request named none."""


@dataclass(frozen=True, slots=True)
class ReplyPart:
    """A whole reply or one piece of a stream, re-encoded for the caller, with its usage."""

    body: bytes
    """Empty when the caller gets nothing of this part."""
    platform_usage: Usage = Usage()  # noqa: RUF009 - frozen
    """The platform's count of this part alone."""
    engine_usage: Usage | None = None
    """The engine's count of the whole request so far. None when it sent none, or an implausible one."""
    image_size: ImageSize | None = None
    """The size of the images, if it is one of the specification's. Usage reports group by it."""


class ReplyReader(Protocol):
    """Reads the reply to one request. It may hold state. Calls may run in a thread, one at a time."""

    def reply(self, raw: bytes) -> ReplyPart:
        """Read a whole reply. Raises ValueError when it cannot be read."""
        ...


class StreamReader(ReplyReader, Protocol):
    """Reads a whole reply, or a stream piece by piece."""

    def piece(self, data: bytes) -> ReplyPart:
        """Read one event's data or raw bytes. The body of the part is framed for sending. Raises ValueError if unreadable."""
        ...

    def end(self) -> bytes:
        """The bytes to send after the last piece of a complete stream."""
        ...


class EndpointAdapter(Protocol[RequestT_contra]):
    """One endpoint that answers with whole replies."""

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint's path, its key in the catalogue."""
        ...

    def check(self, request: RequestT_contra) -> None:
        """Check the specification's rules that types cannot express. Raises `DomicileError` 400."""
        ...

    def media_type(self, request: RequestT_contra) -> str:
        """The media type of the answer."""
        ...

    def encode(self, request: RequestT_contra, *, model: str, cache_salt: str | None) -> EngineRequest:
        """Encode the admitted request for an engine. `model`: the engine's own name. `cache_salt`: None for no salt."""
        ...

    def demand(self, request: RequestT_contra, model: ModelEntry, body_bytes: int) -> Demand:
        """What the request may use at most. `body_bytes`: the size of the body, or of the file in a form."""
        ...

    def request_usage(self, request: RequestT_contra, sent: EngineRequest) -> Usage:
        """The platform's count of the request's input."""
        ...

    def begin(self, request: RequestT_contra, names: ReplyNames) -> ReplyReader:
        """A reader for the reply to this request."""
        ...


class StreamingEndpointAdapter(EndpointAdapter[RequestT_contra], Protocol[RequestT_contra]):
    """One endpoint that can also stream."""

    def is_raw(self, request: RequestT_contra) -> bool:
        """Whether the stream is plain bytes, such as sound. Otherwise it is server-sent events."""
        ...

    def begin(self, request: RequestT_contra, names: ReplyNames) -> StreamReader:
        """A reader for the reply to this request."""
        ...


def plausible(usage: Usage) -> Usage | None:
    """The engine's count, or None when a quantity is negative or above 2**31."""
    return usage if all(0 <= getattr(usage, name) <= _MAX_COUNT for name in usage.__struct_fields__) else None


def estimated_tokens(size: int) -> int:
    """A rough token count for `size` bytes of text: one for every four bytes."""
    return size // BYTES_PER_TOKEN


def event(data: bytes) -> bytes:
    """A server-sent event with this data, ended by an empty line."""
    return b"data: " + data + b"\n\n"
