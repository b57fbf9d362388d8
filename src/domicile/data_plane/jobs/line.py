"""The port through which a worker runs one line of a batch."""

from typing import Protocol

from domicile.data_plane.jobs.batch import Batch
from domicile.data_plane.jobs.results import LineReply
from domicile.openai_api.batches import BatchRequest


class NotNowError(Exception):
    """The line cannot run at the moment, through no fault of its own: no engine answers, or its project is blocked."""


class RunLine(Protocol):
    """Runs one line. May be cancelled."""

    async def run(self, request: BatchRequest, batch: Batch, line: int) -> LineReply:
        """Return the answer, which may be an error. Raises `NotNowError`."""
