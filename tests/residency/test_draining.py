"""SIGTERM: not ready first, what is in flight ends or is told why not, and all of it is metered."""

import json
import signal
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.chaos.invariants import asked_of_engine
from tests.platform.installation import Installation
from tests.platform.processes import eventually

MODEL = "gpt-4o-2024-08-06"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Installation]:
    """An installation that a test may stop."""
    running = Installation(tmp_path)
    try:
        yield running.start()
    finally:
        running.stop()


def set_drain(own: Installation, settings: str) -> None:
    """Restarts the region with other settings."""
    own.processes["region-eu"].stop()
    text = own.config.read_text().replace('data = "eu"\n', f'data = "eu"\n{settings}\n')
    own.config.write_text(text)
    own.start_region("eu")
    own.wait_until_ready("eu")


def terminate(own: Installation) -> None:
    process = own.processes["region-eu"]._process
    assert process is not None
    process.send_signal(signal.SIGTERM)


def stream(own: Installation, client: httpx2.Client, text: str, key: str) -> httpx2.Response:
    request = client.build_request(
        "POST",
        f"{own.region_url('eu')}/v1/chat/completions",
        headers={"authorization": f"Bearer {key}"},
        json={"model": MODEL, "stream": True, "messages": [{"role": "user", "content": text}]},
    )
    return client.send(request, stream=True)


def ended(own: Installation) -> None:
    eventually(lambda: not own.processes["region-eu"].is_running, within_s=60, what="the region ends")
    assert own.processes["region-eu"].stop() == 0


def ledger(own: Installation) -> list[tuple[str, int]]:
    with sqlite3.connect(own.folder / "eu" / "metering.db") as database:
        return database.execute("SELECT outcome, output_tokens FROM ledger").fetchall()


def test_a_stream_that_outlives_the_drain_is_told_so_and_metered(own: Installation) -> None:
    key = own.new_key("eu").secret
    set_drain(own, "drain.timeout_s = 1")
    with httpx2.Client(timeout=20) as client:
        answer = stream(own, client, "do:endless", key)
        lines = answer.iter_lines()
        assert next(lines).startswith("data: ")
        terminate(own)
        events = [line for line in lines if line]
    assert json.loads(events[-1].removeprefix("data: "))["error"]["type"] == "service_unavailable_error"
    ended(own)
    ((outcome, tokens),) = ledger(own)
    assert outcome == "cut_off"
    assert tokens > 1


def test_what_the_platform_ends_is_not_put_down_to_the_client(own: Installation) -> None:
    key = own.new_key("eu").secret
    set_drain(own, "drain.timeout_s = 1")
    answers: list[httpx2.Response] = []
    with httpx2.Client(timeout=20) as client:
        leaves = stream(own, client, "do:endless", key)
        assert next(leaves.iter_lines()).startswith("data: ")
        leaves.close()
        eventually(lambda: [outcome for outcome, _ in ledger(own)] == ["client_left"], what="it is in the ledger")
        body = {"model": MODEL, "messages": [{"role": "user", "content": "do:hang"}]}
        url, headers = f"{own.region_url('eu')}/v1/chat/completions", {"authorization": f"Bearer {key}"}
        waits = threading.Thread(target=lambda: answers.append(client.post(url, json=body, headers=headers)))
        waits.start()
        eventually(lambda: "do:hang" in asked_of_engine(own, "eu"), what="the engine has been asked")
        terminate(own)
        waits.join(15)
    [answer] = answers
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_unavailable")
    ended(own)
    assert [outcome for outcome, _ in ledger(own)] == ["client_left", "cut_off"]


def test_it_is_not_ready_first_and_still_serves_until_a_second_signal(own: Installation) -> None:
    key = own.new_key("eu").secret
    set_drain(own, "drain.timeout_s = 30\ndrain.notice_s = 300")
    with httpx2.Client(timeout=20) as client:
        answer = stream(own, client, "do:endless", key)
        lines = answer.iter_lines()
        next(lines)
        terminate(own)
        ready = f"{own.region_url('eu')}/readyz"
        eventually(lambda: httpx2.get(ready).status_code == 503, what="it is not ready any more")
        # It still takes what a load balancer sends that has not noticed yet.
        whole = stream(own, client, "one two three", key)
        assert whole.status_code == 200
        assert whole.read().endswith(b"data: [DONE]\n\n")
        # The second signal ends what the first one would have waited for.
        terminate(own)
        assert "service_unavailable_error" in [line for line in lines if line][-1]
    ended(own)
    assert sorted(outcome for outcome, _ in ledger(own)) == ["complete", "cut_off"]
