"""Builds the two listeners of the control plane: the Admin and operator API, and the boundary."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from starlette.routing import Route

from domicile.apps.control.services import ControlFoundation
from domicile.apps.listeners import BoundListener
from domicile.control_plane.http import Endpoints, admin_routes, boundary_routes, health_check
from domicile.control_plane.metrics import ControlMetrics
from domicile.control_plane.principals.authentication import Authentication
from domicile.control_plane.principals.head_gates import admin_gate, boundary_gate
from domicile.control_plane.regions.service import Regions
from domicile.process.descriptors import CONTROL_LINK_CONNECTIONS, connections_of_a_listener
from domicile.web.application import Application
from domicile.web.bodies.body_memory import BodyMemory
from domicile.web.observability.http_metrics import HttpMetrics
from domicile.web.operator_keys import OperatorKeys
from domicile.web.server.http_server import HttpServer

DRAIN_S = 2.0
# Memory for the bodies of calls in progress. They can use half of it: a signature covers the body, so a caller is unknown
# until its body is read, and all unknown callers share one account.
BOUNDARY_BODY_MEMORY_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Listeners:
    """Both bound listeners with their servers. `admin_routes`: the routes of the Admin and operator API."""

    admin_url: str
    boundary_url: str
    servers: tuple[HttpServer, HttpServer]
    admin_routes: Sequence[Route]


def build_listeners(
    base: ControlFoundation,
    endpoints: Endpoints,
    regions: Regions,
    operator_keys: OperatorKeys,
    used: Callable[[str], None],
    registry: CollectorRegistry,
) -> Listeners:
    """Bind both listeners. `used`: told the id of each accepted admin key.

    Raises OSError if a port is taken, `CertificateError` for an unusable certificate.
    """
    settings = base.installation.control
    authentication = Authentication(
        base.reader,
        base.clock,
        installation_id=base.identity.installation_id,
        operator_keys=operator_keys,
        used=used,
    )
    observer = HttpMetrics(registry)
    routes = admin_routes(authentication, endpoints, health_check(base.reader), ControlMetrics(registry, regions).show)
    admin, boundary = BoundListener(settings.listen), BoundListener(settings.boundary.listen)
    return Listeners(
        admin_url=admin.url,
        boundary_url=boundary.url,
        servers=(
            admin.serve(
                Application(routes, observer=observer),
                head_gate=admin_gate(authentication, base.directory),
                max_connections=connections_of_a_listener(),
                drain_s=DRAIN_S,
                on_refusal=observer.refused,
            ),
            boundary.serve(
                _boundary_application(authentication, endpoints, observer),
                head_gate=boundary_gate(authentication, base.directory),
                max_connections=CONTROL_LINK_CONNECTIONS,
                drain_s=DRAIN_S,
                on_refusal=observer.refused,
            ),
        ),
        admin_routes=routes,
    )


def _boundary_application(authentication: Authentication, endpoints: Endpoints, observer: HttpMetrics) -> Application:
    """The paths of the regions. The memory of their bodies is bounded: a report of usage may be large."""
    bodies = BodyMemory(BOUNDARY_BODY_MEMORY_BYTES)
    return Application(boundary_routes(authentication, endpoints), observer=observer, body_memory=bodies)
