"""The URL map of the operator listener."""

from dataclasses import dataclass

from starlette.routing import Route

from domicile.data_plane.operator.blocks import BlockEndpoints
from domicile.data_plane.operator.health import HealthDetail
from domicile.data_plane.operator.held_content import HeldContent
from domicile.data_plane.operator.ledger_sums import LedgerSums
from domicile.data_plane.operator.metrics import Metrics
from domicile.web.application import Application
from domicile.web.operator_keys import OperatorGate, OperatorKeys


@dataclass(frozen=True, slots=True)
class OperatorEndpoints:
    """The parts that `apps.region` builds."""

    health: HealthDetail
    metrics: Metrics
    blocks: BlockEndpoints
    held_content: HeldContent
    ledger_sums: LedgerSums
    region: str


def operator_routes(endpoints: OperatorEndpoints) -> list[Route]:
    """The route of each path. No handler has access to content."""
    return [
        Route("/operator/v1/health", endpoints.health.show, methods=["GET"]),
        Route("/operator/v1/held_content", endpoints.held_content.show, methods=["GET"]),
        Route("/operator/v1/usage", endpoints.ledger_sums.show, methods=["GET"]),
        Route("/operator/v1/blocks", endpoints.blocks.list, methods=["GET"]),
        Route("/operator/v1/blocks", endpoints.blocks.add, methods=["POST"]),
        Route("/operator/v1/blocks/{subject}", endpoints.blocks.remove, methods=["DELETE"]),
        Route("/metrics", endpoints.metrics.show, methods=["GET"]),
    ]


def build_operator_application(endpoints: OperatorEndpoints, keys: OperatorKeys) -> Application:
    """The routes behind the operator's key. No CORS: this listener is not for pages in a browser."""
    return Application(
        operator_routes(endpoints),
        decorate=lambda router: OperatorGate(router, keys),
        extra_headers=((b"domicile-region", endpoints.region.encode()),),
    )
