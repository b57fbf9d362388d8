"""Whether this process lives, and whether it can serve."""

from starlette.requests import Request

from domicile.data_plane.http.answer import Answer, json_answer
from domicile.data_plane.routing import Router
from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.kernel import errors


class Health:
    """Says yes or no; the detail is for the operator alone."""

    def __init__(self, snapshots: CurrentSnapshot, router: Router) -> None:
        self._snapshots = snapshots
        self._router = router
        self._stopping = False

    def stop(self) -> None:
        """From now on it is not ready, so that whoever chooses among replicas sends nothing new."""
        self._stopping = True

    async def alive(self, _request: Request) -> Answer:
        """200 as long as the event loop turns."""
        return json_answer({"status": "ok"})

    async def ready(self, _request: Request) -> Answer:
        """200 with a snapshot and at least one healthy engine; else 503 with what is missing."""
        if self._stopping:
            raise errors.service_unavailable("This replica is stopping.")
        if self._snapshots.table is None:
            raise errors.service_unavailable("This region has no snapshot yet.")
        if not self._router.any_healthy:
            raise errors.service_unavailable("No engine of this region answers.")
        return json_answer({"status": "ready"})
