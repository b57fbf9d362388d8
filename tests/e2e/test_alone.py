"""A region answers by itself, inside its countries, and only sums leave it (C07, C08, C16)."""

import os
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from domicile.kernel.geography import country_set
from tests.e2e.conftest import RunningUp
from tests.e2e.test_up import descendants
from tests.platform.processes import eventually


def ask(up: RunningUp, code: str, key: str) -> None:
    answer = up.client(code, key).chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": "Say hello."}], max_tokens=2
    )
    assert answer.choices


def countries_of(up: RunningUp, code: str, project_id: str) -> list[str]:
    """Where a project's requests ran, as a region's own ledger has it."""
    with closing(sqlite3.connect(f"file:{up.folder / code / 'metering.db'}?mode=ro", uri=True)) as ledger:
        rows = ledger.execute("SELECT country FROM ledger WHERE project_id = ?", (project_id,)).fetchall()
    return [country for (country,) in rows]


@pytest.mark.contract("C07")
@pytest.mark.contract("C08")
def test_inference_happens_in_the_regions_countries_and_only_its_sum_leaves(up: RunningUp) -> None:
    key = up.new_key("eu")
    ask(up, "eu", key.secret)
    eventually(lambda: len(countries_of(up, "eu", key.project_id)) == 1, what="the request is in its region's ledger")
    assert set(countries_of(up, "eu", key.project_id)) <= country_set("EEA+CH").countries
    assert countries_of(up, "us", key.project_id) == []

    def counted() -> int:
        buckets = up.admin().admin.organization.usage.completions(
            start_time=int(time.time()) - 600, bucket_width="1m", project_ids=[key.project_id]
        )
        return sum(getattr(result, "num_model_requests", 0) for bucket in buckets.data for result in bucket.results)

    eventually(lambda: counted() == 1, what="the sum arrives at the control plane")


@pytest.mark.contract("C16")
def test_a_region_answers_while_everything_outside_it_stands_still(up: RunningUp) -> None:
    key = up.new_key("eu")
    outside = []
    for pid in descendants(up.process.pid):
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        if b"domicile.apps.control" in command or b"\0us\0" in command or b"/us/" in command:
            outside.append(pid)
    assert len(outside) == 3, "the control plane, the other region and its engine"
    for pid in outside:
        os.kill(pid, signal.SIGSTOP)
    try:
        ask(up, "eu", key.secret)
    finally:
        for pid in outside:
            os.kill(pid, signal.SIGCONT)
