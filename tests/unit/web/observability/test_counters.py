"""Plain counters and histograms are exposed like those of the client library."""

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest

from domicile.web.observability.counters import PlainCounter, PlainHistogram

BUCKETS = (0.005, 0.1, 1, 10)


def lines(registry: CollectorRegistry) -> list[str]:
    """Without the times at which the library's own metrics were made."""
    return [line for line in generate_latest(registry).decode().splitlines() if "_created" not in line]


def test_a_counter_reads_like_the_librarys() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    plain = PlainCounter("things", "What there was.", ["kind", "code"], ours)
    known = Counter("things", "What there was.", ["kind", "code"], registry=theirs)
    for labels, amount in ((("a", ""), 1), (("b", "x"), 2.5), (("a", ""), 0.25), (("c", ""), 0)):
        plain.add(amount, *labels)
        known.labels(*labels).inc(amount)
    assert lines(ours) == lines(theirs)
    assert 'things_total{code="x",kind="b"} 2.5' in lines(ours)


def test_a_histogram_reads_like_the_librarys() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    plain = PlainHistogram("seconds", "How long.", "route", buckets=BUCKETS, registry=ours)
    known = Histogram("seconds", "How long.", ["route"], buckets=BUCKETS, registry=theirs)
    for value in (0.0, 0.005, 0.0051, 0.1, 3, 10, 10.1, 1000):
        plain.observe(value, "/v1/models")
        known.labels("/v1/models").observe(value)
    assert lines(ours) == lines(theirs)
    assert 'seconds_bucket{le="+Inf",route="/v1/models"} 8.0' in lines(ours)


def test_two_metrics_of_one_name_are_refused() -> None:
    registry = CollectorRegistry()
    PlainCounter("things", "What there was.", [], registry)
    with pytest.raises(ValueError, match="things"):
        PlainCounter("things", "Something else.", [], registry)
