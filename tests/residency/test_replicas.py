"""Two processes of one region on one PostgreSQL database: both serve, both obey, and one may be killed under load."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from openai import APIConnectionError, AuthenticationError, InternalServerError, OpenAI

from tests.platform.installation import Installation, IssuedKey
from tests.platform.postgresql import PostgresServer, running_server
from tests.platform.processes import eventually
from tests.platform.spreading import Spreading

REVOKED_WITHIN_S = 2.0
LOST_AT_MOST_S = 1.0
REPORTED_WITHIN_S = 30.0
CLIENTS = 6


# One is killed for good, and the last starts from what the others have saved.
pytestmark = pytest.mark.in_order


@dataclass
class Region:
    """The region eu with two replicas."""

    installation: Installation
    first: str
    second: str

    def new_key(self) -> IssuedKey:
        """A key that both replicas know. Making one waits for them a second at most, and a busy one may need longer."""
        key = self.installation.new_key("eu")
        for replica in (self.first, self.second):
            eventually(lambda at=replica: self.knows(at, key), what="the replica knows the key")  # type: ignore[misc]
        return key

    def knows(self, replica: str, key: IssuedKey) -> bool:
        """Whether a replica lets it in."""
        headers = {"authorization": f"Bearer {key.secret}"}
        return httpx2.get(f"{replica}/v1/models", headers=headers).status_code == 200

    def client(self, replica: str, key: IssuedKey) -> OpenAI:
        return OpenAI(api_key=key.secret, base_url=f"{replica}/v1", max_retries=0)

    def events(self, kind: str) -> int:
        """How often the region has reported it."""
        log = self.installation.operator("GET", "/operator/v1/audit_logs?limit=100")["data"]
        return sum(event["type"] == kind for event in log)

    def counted(self, key: IssuedKey) -> int:
        """Requests in the control plane's usage."""
        buckets = self.installation.admin().admin.organization.usage.completions(
            start_time=int(time.time()) - 3600, bucket_width="1m", project_ids=[key.project_id], limit=1440
        )
        return sum(getattr(result, "num_model_requests", 0) for bucket in buckets.data for result in bucket.results)

    def counted_or_none(self, key: IssuedKey) -> int | None:
        """The same; None while the control plane has not found its database again."""
        try:
            return self.counted(key)
        except InternalServerError:
            return None


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgresServer]:
    """A server of this file's own: these tests restart it, and others must not notice."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="module")
def eu(tmp_path_factory: pytest.TempPathFactory, postgresql: PostgresServer) -> Iterator[Region]:
    """Control plane and eu on PostgreSQL, us on files: every plane chooses for itself."""
    running = Installation(tmp_path_factory.mktemp("replicas"), database_urls=postgresql.planes("control", "eu"))
    try:
        running.start()
        yield Region(running, running.region_url("eu"), running.start_replica("eu"))
    finally:
        running.stop()


def ask(client: OpenAI) -> str:
    answer = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hello"}])
    return str(answer.choices[0].message.content)


def is_refused(client: OpenAI) -> bool:
    try:
        client.models.list()
    except AuthenticationError as error:
        return error.code == "invalid_api_key"
    return False


def test_both_serve_and_each_request_is_counted_once(eu: Region) -> None:
    key = eu.installation.new_key("eu")
    for replica in (eu.first, eu.second) * 5:
        assert ask(eu.client(replica, key)) == "echo: hello"
    eventually(lambda: eu.counted(key) == 10, what="both replicas' usage arrives, each request once")
    assert eu.events("region.started") >= 2
    # The second one started while the first one lived, and did not take it for dead.
    assert eu.events("region.metering_gap") == 0


def test_a_revoked_key_stops_on_both_within_two_seconds(eu: Region) -> None:
    key = eu.installation.new_key("eu")
    clients = [eu.client(replica, key) for replica in (eu.first, eu.second)]
    assert all(client.models.list().data for client in clients)
    eu.installation.admin().admin.organization.projects.api_keys.delete(key.key_id, project_id=key.project_id)
    eventually(
        lambda: all(is_refused(client) for client in clients), within_s=REVOKED_WITHIN_S, what="both refuse the key"
    )


def test_without_a_store_each_has_its_share_of_a_limit(eu: Region) -> None:
    other, key = eu.new_key(), eu.new_key()
    limits = eu.installation.admin().admin.organization.projects.rate_limits
    # So few flow back in a test that its time does not matter.
    limits.update_rate_limit("rl_gpt-4o-2024-08-06", project_id=key.project_id, max_requests_per_1_day=6)

    def status(replica: str, key: IssuedKey) -> tuple[int, int]:
        """And what is left of the requests a minute."""
        body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
        headers = {"authorization": f"Bearer {key.secret}"}
        answer = httpx2.post(f"{replica}/v1/chat/completions", json=body, headers=headers)
        return answer.status_code, int(answer.headers["x-ratelimit-remaining-requests"])

    for replica in (eu.first, eu.second):
        eventually(lambda at=replica: status(at, other)[1] <= 5000, what="it sees the other")  # type: ignore[misc]
        assert [status(replica, key)[0] for _ in range(4)] == [200, 200, 200, 429]


@dataclass
class Load:
    """What clients of the spreading SDK have met."""

    transport: Spreading
    client: OpenAI
    pause_s: float = 0
    answered: int = 0
    refused: list[Exception] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        while not self.stopping.wait(self.pause_s):
            try:
                ask(self.client)
            except Exception as error:
                with self._lock:
                    self.refused.append(error)
            else:
                with self._lock:
                    self.answered += 1


@contextmanager
def load(replicas: list[str], key: IssuedKey, clients: int = CLIENTS, pause_s: float = 0) -> Iterator[Load]:
    """Clients that never stop asking, through the official SDK, while the block runs."""
    transport = Spreading(replicas)
    client = OpenAI(
        api_key=key.secret,
        base_url=f"{replicas[0]}/v1",
        max_retries=0,
        http_client=httpx2.Client(transport=transport, timeout=20),
    )
    running = Load(transport, client, pause_s)
    threads = [threading.Thread(target=running.run) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield running
    finally:
        running.stopping.set()
        for thread in threads:
            thread.join(60)
        client.close()


def answers_beyond(running: Load, count: int) -> None:
    """Waits until so many more requests have been answered."""
    wanted = running.answered + count
    eventually(lambda: running.answered >= wanted, within_s=60, what=f"{count} more answers")


@pytest.mark.timeout(300)
def test_a_restart_of_the_database_fails_no_request_and_loses_no_count(eu: Region, postgresql: PostgresServer) -> None:
    key = eu.new_key()
    with load([eu.first, eu.second], key) as running:
        answers_beyond(running, 30)
        postgresql.restart()
        answers_beyond(running, 30)
    assert running.refused == []
    eventually(
        lambda: eu.counted_or_none(key) == running.answered,
        within_s=60,
        what=f"all {running.answered} are counted once",
    )


def control(eu: Region, *arguments: str) -> str:
    """Runs the control plane's program for a moment: what it prints."""
    command = [sys.executable, "-m", "domicile.apps.control", "--config", str(eu.installation.config), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.timeout(300)  # two programs start beside the traffic, and a renewal is waited for
def test_a_rotation_of_the_root_key_fails_no_request_and_reaches_every_replica(eu: Region, tmp_path: Path) -> None:
    """Two replicas on PostgreSQL, one on a file; and then the publisher's key is rotated under the new root.

    The last test of this file starts a replica from what these have saved under it, with nobody to ask.
    """
    here = eu.installation
    old, new = tmp_path / "old-root.key", tmp_path / "new-root.key"
    (here.folder / "control" / "root.key").rename(old)
    key, us_key = eu.new_key(), here.new_key("us")
    both, us = [eu.first, eu.second], [here.region_url("us")]
    # Paced, so that the commands get their share of a small machine.
    with load(both, key, 2, 0.05) as running, load(us, us_key, 1, 0.05) as running_in_us:
        answers_beyond(running, 10)
        assert "not yet by   -" in control(eu, "--rotate-root", str(old), str(new))
        old.unlink()
        certified = control(eu, "--rotate-key", str(new))
        # Made known by the new publisher's key, which the new root key has certified.
        issued = [(replica, here.new_key("eu")) for replica in both]
        clients = [eu.client(replica, late) for replica, late in issued]
        eventually(lambda: not any(is_refused(client) for client in clients), what="its snapshots are taken")
        answers_beyond(running, 10)
        answers_beyond(running_in_us, 10)
    assert (running.refused, running_in_us.refused) == ([], [])
    regions = here.operator("GET", "/operator/v1/regions")["data"]
    assert [region["root_key_is_current"] for region in regions] == [True, True]
    assert eu.events("region.snapshot_refused") == 0
    assert eu.events("region.root_key_taken") >= 4, "at first contact and after the rotation, each region once"
    assert certified.startswith("publisher key  pk_")


def test_one_killed_under_load_fails_only_what_it_had_open(eu: Region) -> None:
    key, victim = eu.new_key(), eu.second
    with load([eu.first, eu.second], key) as running:
        answers_beyond(running, 100)
        killed_at = time.monotonic()
        eu.installation.replicas[victim].kill()
        dead_at = time.monotonic()
        answers_beyond(running, 100)

    attempts = running.transport.attempts
    broken = [attempt for attempt in attempts if attempt.failed]
    # What failed was open on the dead replica when it died, and nothing else was.
    assert all(isinstance(error, APIConnectionError) for error in running.refused)
    assert len(running.refused) == len(broken)
    # Each client had one request open. On a slow machine it may knock again before the process is known to be dead.
    assert len([attempt for attempt in broken if attempt.began_at <= killed_at]) <= CLIENTS
    assert [attempt for attempt in broken if attempt.replica != victim or attempt.began_at > dead_at] == []
    at_risk = [
        attempt
        for attempt in attempts
        if attempt.replica == victim
        and not attempt.failed
        and attempt.ended_at is not None
        and attempt.ended_at >= killed_at - LOST_AT_MOST_S
    ]
    least, most = running.answered - len(at_risk), running.answered + len(broken)
    eventually(
        lambda: eu.events("region.metering_gap") == 1, within_s=REPORTED_WITHIN_S, what="the gap is reported, once"
    )
    # The survivor reports in order: when this has arrived, everything before it has, what the dead one left included.
    last = eu.installation.new_key("eu")
    ask(eu.client(eu.first, last))
    eventually(lambda: eu.counted(last) == 1, what="the survivor's outbox has been sent")
    counted = eu.counted(key)
    assert least <= counted <= most
    print(
        f"answered {running.answered}, open on the killed replica {len(broken)}, counted {counted}, "
        f"answered by it in its last second {len(at_risk)}"
    )


def test_a_replica_starts_from_what_its_sibling_has_saved_with_nobody_to_ask(eu: Region) -> None:
    key = eu.installation.new_key("eu")
    eu.installation.processes["control"].kill()
    third = eu.installation.start_replica("eu")
    assert ask(eu.client(third, key)) == "echo: hello"
    eu.installation.start_control()
    eventually(lambda: eu.counted(key) == 1, what="and reports it once the control plane is back")
