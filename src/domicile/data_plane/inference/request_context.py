"""What the request lifecycle needs about a request besides its caller and its content."""

from dataclasses import dataclass, field

from domicile.data_plane.inference.cancellation import Cancellation


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One for each request. The HTTP handler makes it, or the `AudioTranscripts` step for its own requests."""

    request_id: str
    body_bytes: int = 0
    """The size of the body, or of the file in a form. Work on large ones runs in a thread."""
    cancellation: Cancellation = field(default_factory=Cancellation)
    is_batch: bool = False
    """Whether it is a line of a batch: metered as such, and behind interactive requests at an engine."""

    def of_size(self, body_bytes: int) -> "RequestContext":
        """A copy with the size of the body. It shares the `cancellation`."""
        return RequestContext(self.request_id, body_bytes, self.cancellation, self.is_batch)
