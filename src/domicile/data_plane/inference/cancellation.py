"""Records whether the client or the platform cancelled a request. `asyncio.CancelledError` does not say which."""

from domicile.data_plane.metering.entry import Outcome


class Cancellation:
    """The reason for one request's cancellation: the platform cut it off, unless `by_client` was called."""

    def __init__(self) -> None:
        self.outcome = Outcome.CUT_OFF

    def by_client(self) -> None:
        """Record that the client has left."""
        self.outcome = Outcome.CLIENT_LEFT
