"""The HTTP metrics of both planes. Every label value comes from a closed set, never from the caller's text."""

import re

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from starlette.responses import Response

from domicile.web.application import RequestRecord
from domicile.web.error_rendering import RenderedError
from domicile.web.observability.counters import PlainCounter, PlainHistogram

# Seconds: from an answer out of memory to a long completion on a slow engine.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Error codes are constants of this program. The pattern keeps any other text out of the labels.
_CODE = re.compile(r"[A-Za-z][A-Za-z_]{0,63}", re.ASCII)
_UNKNOWN_ROUTE = "unknown"


def new_registry() -> CollectorRegistry:
    """A new registry with the process's memory, processor time, open files and garbage collection."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def exposition(registry: CollectorRegistry) -> Response:
    """An answer with all metrics of the registry, in Prometheus' text format."""
    return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})


class HttpMetrics:
    """An `Observer`: counts requests by route template, status and code, their durations and sizes, and refused heads."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = PlainCounter(
            "domicile_http_requests",
            "Requests answered, by the route's template, the status and the error's code.",
            ["method", "route", "status", "code"],
            registry,
        )
        self._first_byte = PlainHistogram(
            "domicile_http_first_byte_seconds",
            "Seconds from the head of a request to the head of its answer.",
            "route",
            buckets=_BUCKETS,
            registry=registry,
        )
        self._duration = PlainHistogram(
            "domicile_http_request_duration_seconds",
            "Seconds from the head of a request to the end of its answer, streams included.",
            "route",
            buckets=_BUCKETS,
            registry=registry,
        )
        self._in_flight = 0
        in_flight = Gauge("domicile_http_requests_in_flight", "Requests being answered now.", registry=registry)
        in_flight.set_function(lambda: self._in_flight)
        self._bytes = PlainCounter("domicile_http_body_bytes", "Bytes of bodies, in and out.", ["direction"], registry)
        self._refused = PlainCounter(
            "domicile_http_heads_refused",
            "Requests refused on their head or by the protocol, before any of the body was parsed.",
            ["status", "code"],
            registry,
        )

    def began(self) -> None:
        """Count a request as in flight."""
        self._in_flight += 1

    def ended(self, record: RequestRecord) -> None:
        """Count an ended request. Status 0: no answer was begun."""
        self._in_flight -= 1
        method = record.method if record.method in _METHODS else "other"
        route = record.route or _UNKNOWN_ROUTE
        self._requests.add(1, method, route, str(record.status or 0), _code(record.code))
        self._duration.observe(record.duration_s, route)
        if record.first_byte_s is not None:
            self._first_byte.observe(record.first_byte_s, route)
        self._bytes.add(record.bytes_in, "in")
        self._bytes.add(record.bytes_out, "out")

    def refused(self, answer: RenderedError) -> None:
        """Count a request that the protocol refused itself."""
        self._refused.add(1, str(answer.status), _code(answer.code))


def _code(code: str | None) -> str:
    if code is None:
        return ""
    return code if _CODE.fullmatch(code) else "other"
