"""Records whether the client or the shutdown cancelled a request. `asyncio.CancelledError` does not say which."""

from domicile.data_plane.metering.entry import Outcome


class Cancellation:
    """The reason for one request's cancellation. The client, unless `by_platform` was called."""

    def __init__(self) -> None:
        self.outcome = Outcome.CLIENT_LEFT

    def by_platform(self) -> None:
        """Record that the server cut the request off, because the drain time of a shutdown is over."""
        self.outcome = Outcome.CUT_OFF
