"""Builds the server of a region's API."""

from domicile.apps.listeners import BoundListener
from domicile.data_plane.http.app import RegionEndpoints, build_application, refusal_headers
from domicile.data_plane.http.middleware import head_gate
from domicile.process.descriptors import connections_of_a_listener
from domicile.settings.installation import RegionSettings
from domicile.web.bodies.body_memory import BodyMemory
from domicile.web.observability.http_metrics import HttpMetrics
from domicile.web.server.http_server import HttpServer

_MIB = 1024 * 1024


def build_server(
    settings: RegionSettings, listener: BoundListener, endpoints: RegionEndpoints, metrics: HttpMetrics
) -> HttpServer:
    """Make the server on a bound listener. Its head gate checks each request's head before the body is read."""
    body_memory = BodyMemory(settings.limits.body_memory_mib * _MIB)
    return listener.serve(
        build_application(endpoints, metrics, body_memory),
        head_gate=head_gate(endpoints.authenticator),
        drain_s=settings.drain.timeout_s,
        on_refusal=metrics.refused,
        refusal_headers=refusal_headers(settings.code),
        max_connections=connections_of_a_listener(),
    )
