"""What both planes count of HTTP, in Prometheus' format. Every label is of a closed set: nothing that a caller wrote."""

import re

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from starlette.responses import Response

from domicile.kernel.errors import RenderedError
from domicile.web.application import Exchange

# From an answer out of memory to a long completion on a slow engine.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Codes are constants of this program; should one ever be made from something else, it must not become a label.
_CODE = re.compile(r"[A-Za-z][A-Za-z_]{0,63}", re.ASCII)
_UNKNOWN_ROUTE = "unknown"


def new_registry() -> CollectorRegistry:
    """A registry of this application's own, with the process's memory, processor time and open files."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def exposition(registry: CollectorRegistry) -> Response:
    """Everything in the registry, as text."""
    return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})


class HttpMetrics:
    """Requests by route template, status and code; how long they took; how many are being answered; refused heads."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "domicile_http_requests",
            "Requests answered, by the route's template, the status and the error's code.",
            ["method", "route", "status", "code"],
            registry=registry,
        )
        self._first_byte = Histogram(
            "domicile_http_first_byte_seconds",
            "From the head of a request to the head of its answer.",
            ["route"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._duration = Histogram(
            "domicile_http_request_duration_seconds",
            "From the head of a request to the end of its answer, streams included.",
            ["route"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._in_flight = Gauge("domicile_http_requests_in_flight", "Requests being answered now.", registry=registry)
        self._bytes = Counter(
            "domicile_http_body_bytes", "Bytes of bodies, in and out.", ["direction"], registry=registry
        )
        self._refused = Counter(
            "domicile_http_heads_refused",
            "Requests refused on their head or by the protocol, before any of the body was parsed.",
            ["status", "code"],
            registry=registry,
        )

    def began(self) -> None:
        """A request's head has come."""
        self._in_flight.inc()

    def ended(self, exchange: Exchange) -> None:
        """Its answer has ended, or never came."""
        self._in_flight.dec()
        method = exchange.method if exchange.method in _METHODS else "other"
        route = exchange.route or _UNKNOWN_ROUTE
        self._requests.labels(method, route, str(exchange.status or 0), _code(exchange.code)).inc()
        self._duration.labels(route).observe(exchange.duration_s)
        if exchange.first_byte_s is not None:
            self._first_byte.labels(route).observe(exchange.first_byte_s)
        self._bytes.labels("in").inc(exchange.bytes_in)
        self._bytes.labels("out").inc(exchange.bytes_out)

    def refused(self, answer: RenderedError) -> None:
        """A head was refused by the protocol. Nothing of it is known but why."""
        self._refused.labels(str(answer.status), _code(answer.code)).inc()


def _code(code: str | None) -> str:
    if code is None:
        return ""
    return code if _CODE.fullmatch(code) else "other"
