"""Metrics of the store in which the processes of a region count rate limits."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from domicile.data_plane.limits.shared_quotas import SharedQuotas


class LimitStoreMetrics(Collector):
    """Reads the counts of the process's quotas when the metrics are asked for."""

    def __init__(self, registry: CollectorRegistry, quotas: SharedQuotas) -> None:
        self._quotas = quotas
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """All samples, for the registry."""
        quotas = self._quotas
        yield GaugeMetricFamily(
            "domicile_limit_store_up", "Whether the store of rate limits answers.", value=quotas.away_s is None
        )
        yield CounterMetricFamily(
            "domicile_limit_store_calls", "Calls of the store of rate limits.", value=quotas.asked
        )
        yield CounterMetricFamily(
            "domicile_limit_store_away_requests",
            "Requests that this process decided by its own share, because the store was away.",
            value=quotas.decided_alone,
        )
