"""Control gone, region gone, engine gone and slow, database gone, disk full, network cut and slow, clock an hour off."""

import os
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest
from openai import InternalServerError

from tests.chaos import invariants
from tests.chaos.traffic import Caller
from tests.platform.installation import Installation, IssuedKey
from tests.platform.postgresql import PostgresServer, running_server
from tests.platform.processes import eventually
from tests.residency.relay import CapturingRelay

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

DAY_S = 3.0


@contextmanager
def disk_full(pid: int) -> Iterator[None]:
    """While the block runs a process can write nothing more into any file."""
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


@dataclass
class Day:
    """An installation with callers at work in both regions, one key alive and one revoked in the middle of it."""

    installation: Installation
    postgresql: PostgresServer | None
    callers: dict[str, Caller]
    spare: dict[str, IssuedKey]

    def passes(self, seconds: float = DAY_S) -> None:
        """Lets traffic run: until every caller has asked for so long."""
        began = time.monotonic()
        eventually(lambda: time.monotonic() - began > seconds, within_s=seconds + 5, what="time passes")

    def answers_again(self, code: str) -> None:
        """Until a region has answered ten more questions."""
        before = self.callers[code].answered
        eventually(lambda: self.callers[code].answered >= before + 10, within_s=60, what=f"{code} answers again")

    def ends(self, *, lost_at_most: int = 0) -> None:
        """Revokes the spare keys, stops the traffic and checks every invariant."""
        projects = self.installation.admin().admin.organization.projects
        for key in self.spare.values():
            projects.api_keys.delete(key.key_id, project_id=key.project_id)
        for caller in self.callers.values():
            caller.stop()
        for code, caller in self.callers.items():
            assert caller.defects == []
            assert caller.answered > 0
            invariants.keys_are_what_was_acknowledged(self.installation, caller.key, self.spare[code], code)
            invariants.every_answer_is_counted_once(self.installation, caller, lost_at_most=lost_at_most)
        invariants.nothing_answered_outside_its_region(self.installation)
        issued = [caller.key for caller in self.callers.values()] + list(self.spare.values())
        invariants.the_audit_log_is_complete(self.installation, issued)


@pytest.fixture(params=["sqlite", "postgresql"])
def day(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    installation = Installation(tmp_path_factory.mktemp("day"), log_level="info")
    with ExitStack() as stack:
        server: PostgresServer | None = None
        if request.param == "postgresql":
            server = stack.enter_context(running_server())
            installation.database_urls = server.planes("control", "us", "eu")
        stack.callback(installation.stop)
        installation.start(through_relay=CapturingRelay)
        keys = {code: installation.new_key(code) for code in ("us", "eu")}
        spare = {code: installation.new_key(code) for code in ("us", "eu")}
        callers = {code: Caller(installation, code, key) for code, key in keys.items()}
        for caller in callers.values():
            caller.start()
        day = Day(installation, server, callers, spare)
        for code in callers:
            day.answers_again(code)
        yield day


def test_the_control_plane_is_gone(day: Day) -> None:
    control = day.installation.processes["control"]
    control.kill()
    before = {code: caller.answered for code, caller in day.callers.items()}
    day.passes()
    for code, caller in day.callers.items():
        assert caller.answered > before[code]
        assert not caller.excused
    day.installation.start_control()
    day.ends()


def test_the_control_plane_stands_still(day: Day) -> None:
    pid = day.installation.processes["control"].pid
    os.kill(pid, signal.SIGSTOP)
    day.passes()
    assert not day.callers["eu"].excused
    os.kill(pid, signal.SIGCONT)
    day.ends()


def test_a_region_is_gone(day: Day) -> None:
    region = day.installation.processes["region-eu"]
    answered = day.callers["us"].answered
    region.kill()
    killed_at = time.monotonic()
    day.passes()
    assert day.callers["us"].answered > answered
    assert not day.callers["us"].excused
    day.installation.start_region("eu")
    day.answers_again("eu")
    # At most the last second of the killed process is lost, and that is reported.
    eventually(lambda: invariants.gaps_reported(day.installation) >= 1, what="the gap is reported")
    day.ends(lost_at_most=day.callers["eu"].answered_within(1, before=killed_at))


def test_a_region_stands_still(day: Day) -> None:
    pid = day.installation.processes["region-eu"].pid
    os.kill(pid, signal.SIGSTOP)
    day.passes()
    assert not day.callers["us"].excused
    os.kill(pid, signal.SIGCONT)
    day.answers_again("eu")
    day.ends()


def test_an_engine_is_gone_and_comes_back(day: Day) -> None:
    day.installation.processes["engine-eu"].kill()
    day.passes()
    assert day.callers["eu"].excused["engine_unavailable"] > 0
    assert not day.callers["us"].excused
    day.installation.start_engine("eu")
    day.answers_again("eu")
    day.ends()


def test_an_engine_stands_still(day: Day) -> None:
    pid = day.installation.processes["engine-eu"].pid
    os.kill(pid, signal.SIGSTOP)
    day.passes(8)
    assert not day.callers["us"].excused
    os.kill(pid, signal.SIGCONT)
    day.answers_again("eu")
    day.ends()


def test_an_engine_is_slow(day: Day) -> None:
    """It gets a twentieth of its time."""
    pid = day.installation.processes["engine-eu"].pid
    for _ in range(10):
        os.kill(pid, signal.SIGSTOP)
        day.passes(0.4)
        os.kill(pid, signal.SIGCONT)
        day.passes(0.02)
    for caller in day.callers.values():
        assert not caller.excused
    day.ends()


def test_the_network_to_the_control_plane_is_cut(day: Day) -> None:
    assert isinstance(day.installation.relay, CapturingRelay)
    day.installation.relay.cut()
    day.passes()
    for caller in day.callers.values():
        assert not caller.excused
    day.installation.relay.mend()
    day.ends()


def test_the_network_to_the_control_plane_is_slow(day: Day) -> None:
    assert isinstance(day.installation.relay, CapturingRelay)
    day.installation.relay.delay_s = 0.3
    day.passes()
    for caller in day.callers.values():
        assert not caller.excused
    day.ends()


def test_a_regions_disk_is_full(day: Day) -> None:
    """Nothing more can be written, snapshots and ledger included: the region serves on, and counts when it can again."""
    pid = day.installation.processes["region-eu"].pid
    with disk_full(pid):
        day.passes()
        assert not day.callers["eu"].excused
    day.ends()


def test_the_control_planes_disk_is_full(day: Day) -> None:
    """Where its database is a file nothing can be changed, and administrators are told to come again. Regions do not notice."""
    projects = day.installation.admin().admin.organization.projects
    with disk_full(day.installation.processes["control"].pid):
        day.passes()
        if day.postgresql is None:
            with pytest.raises(InternalServerError) as caught:
                projects.create(name="not now")
            assert (caught.value.status_code, caught.value.code) == (503, "service_unavailable")
        for caller in day.callers.values():
            assert not caller.excused
    eventually(lambda: day.installation.new_key("eu"), within_s=60, what="keys are made again")
    day.ends()
    assert "not now" not in [project.name for project in projects.list(limit=100)]


def test_the_regions_clocks_are_an_hour_off(day: Day) -> None:
    """They go by the control plane's, which bills by the minute: and so, in the end of a key, do they."""
    began, ahead_s = time.time(), {"us": -3600, "eu": 3600}
    for code, seconds in ahead_s.items():
        day.installation.processes.pop(f"region-{code}").stop()
        day.installation.clocks_ahead_s[code] = seconds
        day.installation.start_region(code)

    def corrected_s(code: str) -> int:
        found: int = day.installation.region_operator(code, "/operator/v1/health").json()["clock"]["correction_seconds"]
        return found

    for code, seconds in ahead_s.items():
        # One that is behind knows it from the first snapshot, one that is ahead from the second.
        eventually(lambda: abs(corrected_s(code) + seconds) <= 5, within_s=30, what=f"{code} has been corrected")  # noqa: B023
    corrected, before = time.time(), {code: caller.answered for code, caller in day.callers.items()}
    short_lived = day.installation.new_key("eu", expires_in_s=1800)
    invariants.eventually_let_in(day.installation, short_lived, "eu")
    assert isinstance(day.installation.relay, CapturingRelay)
    day.installation.relay.cut()
    day.passes()
    assert day.installation.client("eu", short_lived.secret).models.list().data, "the correction holds without contact"
    day.installation.relay.mend()
    answered = {code: caller.answered - before[code] for code, caller in day.callers.items()}
    day.ends()
    for code, caller in day.callers.items():
        project_id, minute = caller.key.project_id, corrected // 60 * 60
        assert invariants.requests_counted(day.installation, project_id, since=minute) >= answered[code], code
        assert answered[code] > 0
    us = day.callers["us"].key.project_id
    of_the_day = invariants.requests_counted(day.installation, us, since=began // 60 * 60 - 600)
    assert of_the_day == invariants.requests_counted(day.installation, us), "nothing was counted an hour ago"


def test_the_databases_are_gone_for_a_minute(day: Day) -> None:
    """SQLite's write lock is held by somebody else; PostgreSQL is not there. Regions serve on, administrators wait."""
    with ExitStack() as stack:
        if day.postgresql is None:
            for file in ("control/control.db", "eu/metering.db", "eu/region.db"):
                stack.callback(invariants.lock_for_writing(str(day.installation.folder / file)).close)
        else:
            stack.enter_context(day.postgresql.gone())
        with pytest.raises(InternalServerError) as caught:
            day.installation.admin().admin.organization.projects.create(name="not now")
        assert (caught.value.status_code, caught.value.code) == (503, "service_unavailable")
        assert caught.value.response.headers["retry-after"]
        day.passes(60)
        for caller in day.callers.values():
            assert not caller.excused
    eventually(lambda: day.installation.new_key("eu"), within_s=60, what="keys are made again")
    day.ends()
    names = [project.name for project in day.installation.admin().admin.organization.projects.list(limit=100)]
    assert "not now" not in names
