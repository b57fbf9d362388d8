"""GET /healthz and /readyz: liveness and readiness of this process."""

from starlette.requests import Request

from domicile.data_plane.http.answer import Answer, json_answer
from domicile.data_plane.routing import Router
from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.kernel import errors


class Health:
    """Answers with a status only. The details are on the operator listener (`operator/health`)."""

    def __init__(self, snapshots: CurrentSnapshot, router: Router) -> None:
        self._snapshots = snapshots
        self._router = router
        self._stopping = False

    def stop(self) -> None:
        """Report "not ready" from now on, so that load balancers send no new requests."""
        self._stopping = True

    async def alive(self, _request: Request) -> Answer:
        """200 as long as the event loop runs."""
        return json_answer({"status": "ok"})

    async def ready(self, _request: Request) -> Answer:
        """200 with a snapshot and a healthy engine, or no engine configured. Otherwise 503 with the reason."""
        if self._stopping:
            raise errors.service_unavailable("This replica is stopping.")
        if self._snapshots.table is None:
            raise errors.service_unavailable("This region has no snapshot yet.")
        if not self._router.any_healthy:
            raise errors.service_unavailable("No engine of this region answers.")
        return json_answer({"status": "ready"})
