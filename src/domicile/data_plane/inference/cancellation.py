"""Records whether the client or the shutdown cancelled a request: `asyncio.CancelledError` does not say."""

from domicile.data_plane.metering.entry import Outcome


class Cancellation:
    """One for each request. The client is the default."""

    def __init__(self) -> None:
        self.outcome = Outcome.CLIENT_LEFT

    def by_platform(self) -> None:
        """The process stops, and the drain time is over."""
        self.outcome = Outcome.CUT_OFF
