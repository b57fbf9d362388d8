"""A region whose limits are counted in Valkey: killed, empty, paused. No request fails for it, and none passes its limit."""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
import pytest

from domicile.cli.doctor.examination import examine
from domicile.cli.doctor.finding import State
from tests.platform.installation import Installation, IssuedKey
from tests.platform.processes import eventually
from tests.platform.valkey_server import ValkeyServer, running_valkey

MODEL = "gpt-4o-2024-08-06"
A_DAY = 6
"""Requests. So few flow back that the test's time does not matter."""


@dataclass
class Counted:
    """A region, and where it counts."""

    installation: Installation
    valkey: ValkeyServer

    def project(self) -> IssuedKey:
        """A new project with a limit of its own."""
        key = self.installation.new_key("eu")
        limits = self.installation.admin().admin.organization.projects.rate_limits
        limits.update_rate_limit(f"rl_{MODEL}", project_id=key.project_id, max_requests_per_1_day=A_DAY)
        return key

    def statuses(self, key: IssuedKey, count: int) -> list[int]:
        body = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}
        headers = {"authorization": f"Bearer {key.secret}"}
        url = f"{self.installation.region_url('eu')}/v1/chat/completions"
        return [httpx2.post(url, json=body, headers=headers, timeout=60).status_code for _ in range(count)]

    @property
    def is_reachable(self) -> bool:
        health = self.installation.region_operator("eu", "/operator/v1/health").json()
        return bool(health["limit_store"]["reachable"])

    @property
    def metrics(self) -> str:
        return self.installation.region_operator("eu", "/metrics").text


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counted]:
    with running_valkey() as valkey:
        store = f'limits.store = {{ url = "unix://{valkey.socket}", deadline_ms = 2000, outage_share = 0.5 }}'
        running = Installation(tmp_path_factory.mktemp("limits"), region_extra={"eu": store})
        try:
            running.start()
            yield Counted(running, valkey)
        finally:
            running.stop()


def test_killed_and_started_again_empty(counted: Counted) -> None:
    key, idle = counted.project(), counted.project()
    assert counted.statuses(key, 2) == [200, 200]
    assert counted.is_reachable
    assert "domicile_limit_store_up 1.0" in counted.metrics
    counted.valkey.kill()
    # Half of the four that are left; of a limit that nobody has used, half.
    assert counted.statuses(key, 3) == [200, 200, 429]
    assert counted.statuses(idle, 4) == [200, 200, 200, 429]
    assert not counted.is_reachable
    assert "domicile_limit_store_up 0.0" in counted.metrics
    findings = {each.check: each for each in examine(counted.installation.config) if each.where == "eu"}
    assert findings["limit store"].state is State.FAIL
    counted.valkey.start()
    eventually(lambda: counted.is_reachable, what="the region finds the store again")
    # It is empty, and begins with what the region knows: six, less two before, less two meanwhile.
    assert counted.statuses(key, 3) == [200, 200, 429]
    log = counted.installation.processes["region-eu"].log.read_text()
    assert (log.count("limit_store_away"), log.count("limit_store_back")) == (1, 1)


def test_paused(counted: Counted) -> None:
    key = counted.project()
    assert counted.statuses(key, 2) == [200, 200]
    with counted.valkey.paused():
        assert counted.statuses(key, 3) == [200, 200, 429]
        assert not counted.is_reachable
    eventually(lambda: counted.is_reachable, what="the region finds the store again")
    # The call without an answer in time was made all the same: its request is counted twice, not lost.
    assert counted.statuses(key, 3) in ([200, 429, 429], [200, 200, 429])


def test_the_store_learns_hashes_and_numbers(counted: Counted) -> None:
    key = counted.project()
    counted.statuses(key, 1)
    held = "".join(
        counted.valkey.command("HGETALL", name) + name for name in counted.valkey.command("KEYS", "*").split()
    )
    assert "domicile:limits:" in held
    for secret in (key.project_id, key.secret, MODEL, "gpt"):
        assert secret not in held
