"""Two processes of a region on one PostgreSQL: a limit holds over both, and a database that dies loses and doubles nothing."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from openai import OpenAI

from tests.platform.installation import Installation
from tests.platform.postgresql import PostgresServer, running_server
from tests.platform.processes import eventually
from tests.residency.test_spending import (
    CENTS_OF_AN_IMAGE,
    TERMS,
    agrees,
    ask,
    make_image,
    requests_billed,
    until_refused,
)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with running_server() as server:
        yield server


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, server: PostgresServer) -> Iterator[Installation]:
    running = Installation(
        tmp_path_factory.mktemp("replicas"),
        database_urls=server.planes("control", "eu"),
        region_extra={"eu": "usage.durable = true"},
    )
    try:
        running.start()
        running.start_replica("eu")
        yield running
    finally:
        running.stop()


def clients(installation: Installation, secret: str) -> list[OpenAI]:
    """One of each replica."""
    urls = (installation.region_url("eu"), *installation.replicas)
    return [OpenAI(api_key=secret, base_url=f"{url}/v1", max_retries=0) for url in urls]


def test_a_limit_holds_over_both_replicas(installation: Installation, record_property: Any) -> None:
    key = installation.new_key("eu")
    limits = installation.admin().admin.organization.projects.spend_limit
    limits.update(key.project_id, threshold_amount=5 * CENTS_OF_AN_IMAGE, **TERMS)
    one, other = clients(installation, key.secret)
    eventually(lambda: other.models.list().data, what="the second replica knows the key")
    assert until_refused(one) == 5
    began, made = time.monotonic(), 0
    while make_image(other) != "insufficient_quota":
        made += 1
        assert time.monotonic() - began < 60
    record_property("seconds", time.monotonic() - began)
    print(f"the other replica made {made} more and refused after {time.monotonic() - began:.1f} s")


def test_a_database_that_dies_loses_and_doubles_nothing(installation: Installation, server: PostgresServer) -> None:
    key = installation.new_key("eu")
    outcomes: Counter[str] = Counter()
    both = clients(installation, key.secret)
    for client in both:
        eventually(lambda client=client: client.models.list().data, what="both know the key")  # type: ignore[misc]
    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(ask, both[number % 2], outcomes) for number in range(200)]
        running[10].result()
        server.restart()
        for each in running:
            each.result()
    eventually(lambda: agrees(installation, "eu"), within_s=60, what="ledger and control plane agree")
    billed = requests_billed(installation, key.project_id)
    print(f"{dict(outcomes)}, billed {billed}")
    assert outcomes["answered"] <= billed <= sum(outcomes.values())
