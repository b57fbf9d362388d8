"""Who has ended an answer before its time: work that is cancelled cannot know by itself."""

from domicile.data_plane.metering.entry import Outcome


class Interruption:
    """One for each request, known to whoever may cancel it and to the story. Until it is told otherwise: the client."""

    def __init__(self) -> None:
        self.outcome = Outcome.CLIENT_LEFT

    def by_platform(self) -> None:
        """This process stops, and has waited for the answer as long as it may."""
        self.outcome = Outcome.CUT_OFF
