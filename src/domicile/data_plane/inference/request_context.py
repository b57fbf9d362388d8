"""What the request lifecycle must know of a request beside its caller and its content."""

from dataclasses import dataclass, field

from domicile.data_plane.inference.cancellation import Cancellation


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One for each request, made by whatever brings it: HTTP, or a line of a batch."""

    request_id: str
    body_bytes: int = 0
    """How large the request was when it came. Work on large ones leaves the event loop."""
    cancellation: Cancellation = field(default_factory=Cancellation)

    def of_size(self, body_bytes: int) -> "RequestContext":
        """The same request, once its size is known."""
        return RequestContext(self.request_id, body_bytes, self.cancellation)
