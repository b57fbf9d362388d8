"""Four processes on two "hosts" share one limit: two reach the store by its socket, two by its port."""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from tests.platform.processes import ROOT
from tests.platform.valkey_server import ValkeyServer

from domicile.data_plane.limits.quotas import Kind, Owner


@dataclass
class Worker:
    """A process of the region."""

    process: subprocess.Popen[str]

    def take(self, line: str) -> int:
        """What it was given."""
        assert self.process.stdin is not None
        print(line, file=self.process.stdin, flush=True)
        return int(self.said())

    def said(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


@pytest.fixture(scope="module")
def workers(valkey: ValkeyServer) -> Iterator[list[Worker]]:
    hosts = (("--socket", str(valkey.socket)), ("--port", str(valkey.port)))
    with ExitStack() as stack:
        started = []
        for place in (*hosts, *hosts):
            command = [sys.executable, "-m", "tests.platform.limit_worker", *place]
            pipe = subprocess.PIPE
            process = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
            stack.callback(process.wait)
            assert process.stdin is not None
            stack.callback(process.stdin.close)
            started.append(Worker(process))
        for worker in started:
            assert worker.said() == "ready\n"
        yield started


def taken(
    workers: list[Worker], owner: Owner, *, limit: int, kind: Kind, amount: int, for_s: float
) -> tuple[int, float]:
    """What all were given together, and the most that may flow back meanwhile."""
    line = f"{owner[0]} {kind.value} {limit} 60.0 {amount} {for_s}"
    began = time.monotonic()
    with ThreadPoolExecutor(len(workers)) as pool:
        given = sum(pool.map(lambda worker: worker.take(line), workers))
    return given, (time.monotonic() - began) * limit / 60


def test_five_requests_a_minute_are_five(workers: list[Worker], owner: Owner) -> None:
    given, flows_back = taken(workers, owner, limit=5, kind=Kind.REQUESTS, amount=1, for_s=1.0)
    assert 5 <= given <= 5 + int(flows_back)


def test_ten_thousand_requests_a_minute_hold_within_two_percent(workers: list[Worker], owner: Owner) -> None:
    given, flows_back = taken(workers, owner, limit=10_000, kind=Kind.REQUESTS, amount=1, for_s=4.0)
    assert 9_800 <= given <= 10_200 + flows_back


def test_tokens_hold_within_two_percent(workers: list[Worker], owner: Owner) -> None:
    given, flows_back = taken(workers, owner, limit=10_000_000, kind=Kind.TOKENS, amount=2_000, for_s=4.0)
    assert 9_800_000 <= given <= 10_200_000 + flows_back


def test_it_stays_so_when_the_first_rush_is_over(workers: list[Worker], owner: Owner) -> None:
    taken(workers, owner, limit=10_000, kind=Kind.REQUESTS, amount=1, for_s=4.0)
    given, flows_back = taken(workers, owner, limit=10_000, kind=Kind.REQUESTS, amount=1, for_s=3.0)
    assert given <= 200 + flows_back


def test_a_process_that_rests_keeps_nothing_from_the_others(workers: list[Worker], owner: Owner) -> None:
    first, flows_back = taken(workers[:1], owner, limit=10_000, kind=Kind.REQUESTS, amount=1, for_s=0.2)
    rest, more = taken(workers[1:], owner, limit=10_000, kind=Kind.REQUESTS, amount=1, for_s=5.0)
    assert 9_800 <= first + rest <= 10_200 + flows_back + more
