"""Workers apart: processes of a region that run its batches only, beside one that serves the API and runs none."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import OpenAI
from openai.types import Batch

from tests.platform.installation import Installation, IssuedKey
from tests.platform.postgresql import running_server
from tests.platform.processes import Process, eventually

# The workers of one test end before the next begins.
pytestmark = pytest.mark.in_order
LISTENING = "0A"
PLACES = 16


@pytest.fixture(scope="module")
def eu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The region eu on PostgreSQL. It runs no batches itself."""
    with running_server() as postgresql:
        running = Installation(
            tmp_path_factory.mktemp("workers"),
            database_urls=postgresql.planes("control", "eu"),
            engine_extra=f"max_concurrency = {PLACES}",
            region_extra={"eu": "batches = { in_region = false, lines_at_once = 4 }"},
        )
        try:
            running.start()
            yield running
        finally:
            running.stop()


@pytest.fixture
def key(eu: Installation) -> IssuedKey:
    return eu.new_key("eu")


@pytest.fixture
def client(eu: Installation, key: IssuedKey) -> OpenAI:
    return eu.client("eu", key.secret)


@contextmanager
def worker(eu: Installation, name: str) -> Iterator[Process]:
    process = eu.start_worker("eu", name)
    try:
        yield process
    finally:
        process.stop()


def new_batch(client: OpenAI, count: int, text: str = "hello") -> Batch:
    body = {"model": "gpt-4o-mini-2024-07-18", "messages": [{"role": "user", "content": text}]}
    request = {"method": "POST", "url": "/v1/chat/completions", "body": body}
    lines = "\n".join(json.dumps({"custom_id": f"line-{number}", **request}) for number in range(count))
    file = client.files.create(file=("in.jsonl", lines.encode()), purpose="batch")
    return client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")


def check_completed(client: OpenAI, batch: Batch, count: int, *, within_s: float = 90.0) -> None:
    """Waits for the end. Every line must be there once, in the input's order."""
    eventually(
        lambda: client.batches.retrieve(batch.id).status == "completed", within_s=within_s, what="the batch completes"
    )
    done = client.batches.retrieve(batch.id)
    assert (done.output_file_id is not None, done.error_file_id) == (True, None)
    records = client.files.content(str(done.output_file_id)).read().splitlines()
    assert [json.loads(record)["custom_id"] for record in records] == [f"line-{number}" for number in range(count)]


def check_billed(eu: Installation, client: OpenAI, key: IssuedKey, batch: Batch, count: int) -> None:
    """Every line's usage must reach the control plane, and none twice: a line that was killed is billed when it ran again."""
    used = client.batches.retrieve(batch.id).usage
    assert used is not None
    usage = eu.admin().admin.organization.usage

    def counted() -> tuple[int, int, int]:
        page = usage.completions(start_time=batch.created_at, batch=True, api_key_ids=[key.key_id])
        found: list[Any] = [result for bucket in page.data for result in bucket.results]
        return (
            sum(each.num_model_requests for each in found),
            sum(each.input_tokens for each in found),
            sum(each.output_tokens for each in found),
        )

    expected = (count, used.input_tokens, used.output_tokens)
    eventually(lambda: counted()[0] >= count, within_s=60, what="all usage is reported")
    assert counted() == expected


def done_lines(client: OpenAI, batch: Batch) -> int:
    counts = client.batches.retrieve(batch.id).request_counts
    assert counts is not None
    return counts.completed


def listening_sockets(process: Process) -> int:
    """TCP sockets on which the process accepts connections."""
    links = Path(f"/proc/{process.pid}/fd").iterdir()
    mine = {str(link.readlink())[len("socket:[") : -1] for link in links if link.is_symlink()}
    tables = [Path(f"/proc/{process.pid}/net/{table}").read_text().splitlines()[1:] for table in ("tcp", "tcp6")]
    rows = [row.split() for table in tables for row in table]
    return sum(row[3] == LISTENING and row[9] in mine for row in rows)


def operator_url(eu: Installation, *, other_than: str = "") -> str:
    """The URL of the operator listener of the worker that was started last, once it has one."""
    file = eu.folder / "eu" / "worker-operator-url"

    def new() -> str | None:
        url = file.read_text().strip()
        return url if url != other_than else None

    return str(eventually(new, what="the worker listens"))


def metric(eu: Installation, url: str, sample: str) -> float:
    """A metric of the worker with this operator listener."""
    key = (eu.folder / "eu" / "operator-key").read_text().strip()
    text = httpx2.get(f"{url}/metrics", headers={"authorization": f"Bearer {key}"}).text
    return float(text.partition(f"{sample} ")[2].split()[0])


def lines_of(eu: Installation, url: str) -> float:
    """The lines that a worker has completed."""
    return metric(eu, url, 'domicile_batch_lines_total{outcome="completed"}')


def test_batches_wait_for_a_worker_which_has_no_listener_but_the_operators(eu: Installation, client: OpenAI) -> None:
    batch = new_batch(client, 60)
    with worker(eu, "worker-1") as process:
        check_completed(client, batch, 60)
        health = eu.region_operator("eu", "/operator/v1/health", url_file="worker-operator-url")
        assert (health.status_code, health.json()["region"]) == (200, "eu")
        own = eu.region_operator("eu", "/operator/v1/health")
        assert own.json()["replica"] != health.json()["replica"]
        assert listening_sockets(process) == 1
        waiting = new_batch(client, 1)
        check_completed(client, waiting, 1)
    assert not (eu.folder / "eu" / "worker-operator-url").exists()
    after = new_batch(client, 1)
    assert httpx2.get(f"{eu.region_url('eu')}/readyz").status_code == 200
    assert client.batches.retrieve(after.id).status == "validating", "the region itself runs none"
    client.batches.cancel(after.id)


# Its lease has to run out.
@pytest.mark.long
def test_when_a_worker_is_killed_for_good_another_completes_its_batch(
    eu: Installation, client: OpenAI, key: IssuedKey
) -> None:
    count = 300
    batch = new_batch(client, count, "do:slow")
    with worker(eu, "worker-2") as process:
        eventually(lambda: done_lines(client, batch) > 0, within_s=60, what="the first worker commits lines")
        process.kill()
    assert done_lines(client, batch) < count
    with worker(eu, "worker-3"):
        check_completed(client, batch, count, within_s=110)
    check_billed(eu, client, key, batch, count)


def test_a_worker_takes_fewer_places_once_interactive_requests_wait_in_the_region(
    eu: Installation, client: OpenAI
) -> None:
    def ask(_: int) -> None:
        messages: list[Any] = [{"role": "user", "content": "do:slow"}]
        client.chat.completions.create(model="gpt-4o-mini-2024-07-18", messages=messages)

    places = 'domicile_engine_batch_places{country="DE",engine="stub"}'
    with worker(eu, "worker-7"):
        url = operator_url(eu)
        assert metric(eu, url, places) == PLACES // 4
        with ThreadPoolExecutor(3 * PLACES) as pool:
            list(pool.map(ask, range(3 * PLACES)))
        eventually(lambda: metric(eu, url, places) < PLACES // 4, what="the worker hears of it")


def test_a_worker_that_is_told_to_stop_gives_its_chunks_back(eu: Installation, client: OpenAI) -> None:
    batch = new_batch(client, 300, "do:slow")
    with worker(eu, "worker-6") as process:
        eventually(lambda: done_lines(client, batch) > 0, within_s=60, what="the worker commits lines")
        assert process.stop() == 0
    chunks = [line for line in eu.region_operator("eu", "/metrics").text.splitlines() if "_chunks{" in line]
    assert 'domicile_batch_chunks{status="running"} 0.0' in chunks
    assert done_lines(client, batch) < 300
    client.batches.cancel(batch.id)


@pytest.mark.long
def test_of_two_workers_that_share_a_batch_one_is_killed_and_the_other_ends_it_within_a_minute(
    eu: Installation, client: OpenAI, key: IssuedKey
) -> None:
    count = 400
    with worker(eu, "worker-4") as killed:
        first = operator_url(eu)
        with worker(eu, "worker-5"):
            second = operator_url(eu, other_than=first)
            batch = new_batch(client, count, "do:slow")
            eventually(lambda: lines_of(eu, first) and lines_of(eu, second), within_s=60, what="both complete lines")
            killed.kill()
            # A lease of 30 s, and the rest of the lines.
            check_completed(client, batch, count, within_s=60)
            assert lines_of(eu, second) < count
    check_billed(eu, client, key, batch, count)
