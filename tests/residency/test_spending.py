"""Real processes: limits hold in each region, every answer is billed once, and `domicile usage reconcile` says so."""

import os
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from openai import APIConnectionError, APIStatusError, OpenAI

from tests.platform.installation import Installation, IssuedKey
from tests.platform.processes import eventually

DOMICILE = Path(sys.executable).parent / "domicile"
CENTS_OF_AN_IMAGE = 4
CALLERS = 8
TERMS: Any = {"currency": "USD", "interval": "month"}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One of its own, because its processes are killed. Europe's metering is durable."""
    running = Installation(tmp_path_factory.mktemp("spending"), region_extra={"eu": "usage.durable = true"})
    try:
        yield running.start()
    finally:
        running.stop()


def make_image(client: OpenAI) -> str:
    """`made`, or the error's code."""
    try:
        client.images.generate(model="dall-e-3", prompt="hello", size="1024x1024", response_format="b64_json")
    except APIStatusError as error:
        return str(error.code)
    except APIConnectionError:
        return "broken off"
    return "made"


def until_refused(client: OpenAI) -> int:
    """How many images were made before the refusal."""
    made = 0
    while (outcome := make_image(client)) != "insufficient_quota":
        assert outcome == "made"
        made += 1
    return made


def cents_spent(installation: Installation, project_id: str) -> int:
    """What the control plane bills."""
    page = installation.admin().admin.organization.usage.costs(
        start_time=int(time.time()) - 86_400, project_ids=[project_id], limit=3
    )
    results: list[Any] = [result for bucket in page.data for result in bucket.results]
    return sum(round(result.amount.value * 100) for result in results)


def reconcile(installation: Installation, code: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "DOMICILE_CONTROL_URL": installation.control_url,
        "DOMICILE_OPERATOR_KEY_FILE": str(installation.folder / "control" / "operator.key"),
        "DOMICILE_REGION_DATA": str(installation.folder / code),
    }
    command = [str(DOMICILE), "usage", "reconcile", "--region", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_within_a_region_a_limit_is_passed_by_what_runs_at_that_moment_at_most(
    installation: Installation, record_property: Any
) -> None:
    key = installation.new_key("us")
    limits = installation.admin().admin.organization.projects.spend_limit
    allowed = 10
    limits.update(key.project_id, threshold_amount=allowed * CENTS_OF_AN_IMAGE, **TERMS)
    clients = [installation.client("us", key.secret) for _ in range(CALLERS)]
    with ThreadPoolExecutor(CALLERS) as pool:
        made = sum(pool.map(until_refused, clients))
    record_property("overshoot", made - allowed)
    print(f"{allowed} were allowed, and {CALLERS} callers made {made}")
    assert allowed <= made < allowed + CALLERS
    # A higher limit works as soon as it is set.
    limits.update(key.project_id, threshold_amount=(made + 1) * CENTS_OF_AN_IMAGE, **TERMS)
    eventually(lambda: make_image(clients[0]) == "made", within_s=30, what="a higher limit lets one more pass")
    eventually(lambda: make_image(clients[0]) == "insufficient_quota", within_s=30, what="and no more")


def test_what_one_region_spends_counts_against_the_organizations_limit_in_the_other(
    installation: Installation, record_property: Any
) -> None:
    made = installation.operator("POST", "/operator/v1/organizations", {"name": "two regions"})
    granted = {"enterprise_agreement": True, "zdr_eligible": True, "zdr_endpoints": "all"}
    installation.operator("POST", f"/operator/v1/organizations/{made['id']}", granted)
    admin = installation.admin(made["admin_api_key"]["value"])
    admin.admin.organization.spend_limit.update(threshold_amount=5 * CENTS_OF_AN_IMAGE, **TERMS)
    american, european = (
        installation.client(code, installation.new_key(code, admin=admin).secret) for code in ("us", "eu")
    )
    assert make_image(european) == "made"
    assert until_refused(american) in {4, 5}, "what Europe has spent may be known or not"
    began = time.monotonic()
    eventually(lambda: make_image(european) == "insufficient_quota", within_s=60, what="Europe knows")
    record_property("seconds", time.monotonic() - began)
    print(f"the other region knew after {time.monotonic() - began:.1f} s")


def ask(client: OpenAI, outcomes: Counter[str]) -> None:
    try:
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hello"}])
        outcomes["answered"] += 1
    except APIConnectionError:
        outcomes["broken off"] += 1
    except APIStatusError as error:
        outcomes[str(error.code)] += 1


def agrees(installation: Installation, code: str) -> bool:
    return reconcile(installation, code).returncode == 0


def requests_billed(installation: Installation, project_id: str) -> int:
    page = installation.admin().admin.organization.usage.completions(
        start_time=int(time.time()) - 86_400, bucket_width="1d", project_ids=[project_id], limit=3
    )
    results: list[Any] = [result for bucket in page.data for result in bucket.results]
    return sum(result.num_model_requests for result in results)


@pytest.mark.parametrize("code", ["us", "eu"])
def test_killed_in_the_middle_nothing_is_billed_twice_and_with_durable_metering_nothing_is_lost(
    installation: Installation, code: str
) -> None:
    key: IssuedKey = installation.new_key(code)
    outcomes: Counter[str] = Counter()
    client = installation.client(code, key.secret)
    with ThreadPoolExecutor(4) as pool:
        for victim in (f"region-{code}", "control", f"region-{code}"):
            running = [pool.submit(ask, client, outcomes) for _ in range(40)]
            running[10].result()
            installation.processes[victim].kill()
            for each in running:
                each.result()
            if victim == "control":
                installation.start_control()
            else:
                installation.start_region(code)
            installation.wait_until_ready(code)
    ask(client, outcomes)
    eventually(lambda: agrees(installation, code), within_s=60, what="ledger and control plane agree")
    billed, answered = requests_billed(installation, key.project_id), outcomes["answered"]
    assert billed <= answered + outcomes["broken off"], "nothing twice"
    if code == "eu":
        assert billed >= answered, "every answer was on disk before it was sent"
    told = reconcile(installation, code)
    assert told.returncode == 0, told.stderr
    assert told.stderr.count(f"Region {code}: a process was killed before") >= 1
    print(f"{code}: {dict(outcomes)}, billed {billed}")


def test_a_difference_is_found(installation: Installation) -> None:
    """A control plane that has lost a day: its database was restored from a backup."""
    key = installation.new_key("us")
    client = installation.client("us", key.secret)
    assert make_image(client) == "made"
    eventually(lambda: cents_spent(installation, key.project_id) == CENTS_OF_AN_IMAGE, what="it is billed")
    with sqlite3.connect(installation.folder / "control" / "control.db", timeout=30) as database:
        database.execute("DELETE FROM usage_minute WHERE project_id = ?", (key.project_id,))
    told = reconcile(installation, "us")
    assert told.returncode == 1
    assert key.project_id in told.stdout
    assert "2 sums differ" in told.stderr
