"""Processes that die: a region serves on what it has, nothing is counted twice, nobody is answered elsewhere (C16)."""

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing

import httpx2
import pytest
from openai import APIStatusError, AuthenticationError, OpenAI

from tests.platform.installation import Installation, IssuedKey
from tests.platform.processes import eventually

REVOKED_WITHIN_S = 2.0


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation of its own, because its processes are killed."""
    running = Installation(tmp_path_factory.mktemp("day"))
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture(scope="module")
def key(day: Installation) -> IssuedKey:
    return day.new_key("eu")


def ask(client: OpenAI, text: str = "hello") -> str:
    answer = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": text}])
    return str(answer.choices[0].message.content)


def requests_counted(day: Installation, project_id: str) -> int:
    buckets = day.admin().admin.organization.usage.completions(
        start_time=int(time.time()) - 3600, bucket_width="1m", project_ids=[project_id], limit=1440
    )
    return sum(getattr(result, "num_model_requests", 0) for bucket in buckets.data for result in bucket.results)


def is_refused(client: OpenAI) -> bool:
    try:
        client.models.list()
    except AuthenticationError as error:
        return error.code == "invalid_api_key"
    return False


def test_a_revoked_key_stops_within_two_seconds(day: Installation) -> None:
    issued = day.new_key("eu")
    client = day.client("eu", issued.secret)
    assert client.models.list().data
    day.admin().admin.organization.projects.api_keys.delete(issued.key_id, project_id=issued.project_id)
    eventually(lambda: is_refused(client), within_s=REVOKED_WITHIN_S, what="the revoked key stops")


def test_the_keys_of_an_archived_project_stop_within_two_seconds(day: Installation) -> None:
    issued = day.new_key("us")
    client = day.client("us", issued.secret)
    assert client.models.list().data
    day.admin().admin.organization.projects.archive(issued.project_id)
    eventually(lambda: is_refused(client), within_s=REVOKED_WITHIN_S, what="the archived project's key stops")


def test_a_new_key_works_as_soon_as_its_creation_has_returned(day: Installation) -> None:
    for _ in range(5):
        issued = day.new_key("us")
        assert day.client("us", issued.secret).models.list().data


def entries_on_disk(day: Installation, project_id: str) -> int:
    """Of a project, in the European region's ledger."""
    file = day.folder / "eu" / "metering.db"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as ledger:
        (count,) = ledger.execute("SELECT count(*) FROM ledger WHERE project_id = ?", (project_id,)).fetchone()
    return int(count)


@pytest.mark.contract("C16")
def test_with_the_control_plane_gone_a_region_serves_restarts_and_reports_later(day: Installation) -> None:
    # A key of its own: its requests are counted.
    key = day.new_key("eu")
    client = day.client("eu", key.secret)
    ask(client)
    eventually(lambda: requests_counted(day, key.project_id) == 1, what="the first request is counted")
    day.processes["control"].kill()
    day.processes["region-us"].stop(signal.SIGKILL)
    for _ in range(3):
        assert ask(client) == "echo: hello"
    # Restarted with nobody to ask: from the snapshot on disk, verified again.
    assert day.processes["region-eu"].stop() == 0
    day.start_region("eu")
    day.wait_until_ready("eu")
    for _ in range(2):
        assert ask(client) == "echo: hello"
    # Killed outright: entries that are on disk are safe, after a second at the latest on a machine that is not busy.
    eventually(lambda: entries_on_disk(day, key.project_id) == 6, what="the ledger has them")
    day.processes["region-eu"].kill()
    day.start_region("eu")
    day.wait_until_ready("eu")
    assert ask(client) == "echo: hello"

    day.start_control()
    day.start_region("us")
    day.wait_until_ready("us")
    eventually(lambda: requests_counted(day, key.project_id) == 7, what="usage arrives, each request once")
    # Sent again or not: the count stays.
    ask(client)
    eventually(lambda: requests_counted(day, key.project_id) == 8, what="counting goes on")


def test_a_dead_engine_is_503_and_comes_back_by_itself(day: Installation, key: IssuedKey) -> None:
    client = day.client("eu", key.secret)
    ask(client)
    day.processes["engine-eu"].kill()
    with pytest.raises(APIStatusError) as caught:
        ask(client)
    assert (caught.value.status_code, caught.value.code) == (503, "engine_unavailable")
    assert caught.value.response.headers["retry-after"].isdigit()
    # The other region's engine is well, and is not asked.
    with day.engine("us") as engine:
        assert engine.get("/requests").json() == []
    day.start_engine("eu")

    def answers() -> bool:
        try:
            return ask(client) == "echo: hello"
        except APIStatusError:
            return False

    eventually(answers, what="the restarted engine is used again")


def test_requests_in_flight_are_finished_when_a_region_is_told_to_stop(day: Installation, key: IssuedKey) -> None:
    client = day.client("eu", key.secret)
    stream = client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": "one two three"}], stream=True
    )
    iterator = iter(stream)
    next(iterator)
    assert day.processes["region-eu"].stop() == 0
    assert [chunk.choices[0].finish_reason for chunk in iterator][-1] == "stop"
    day.start_region("eu")
    day.wait_until_ready("eu")


def test_a_client_that_leaves_frees_the_engine(day: Installation, key: IssuedKey) -> None:
    client = day.client("eu", key.secret)
    stream = client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": "do:endless"}], stream=True
    )
    next(iter(stream))
    stream.close()
    with day.engine("eu") as engine:
        assert engine.get("/left").json() == {"open": 0}
    with pytest.raises(httpx2.TimeoutException):
        httpx2.post(
            f"{day.region_url('eu')}/v1/chat/completions",
            headers={"authorization": f"Bearer {key.secret}"},
            json={"model": "gpt-4o", "messages": [{"role": "user", "content": "do:hang"}]},
            timeout=0.5,
        )
    with day.engine("eu") as engine:
        assert engine.get("/left").status_code == 200


def test_a_region_that_is_killed_keeps_its_files_and_nothing_of_an_unfinished_one(
    day: Installation, key: IssuedKey
) -> None:
    client, content = day.client("eu", key.secret), bytes(range(256)) * 40_000
    kept = client.files.create(file=("a.txt", content), purpose="user_data")
    upload = client.uploads.create(filename="b.txt", purpose="user_data", bytes=len(content), mime_type="text/plain")
    part = client.uploads.parts.create(upload.id, data=content)
    objects = day.folder / "eu" / "objects"
    whole = {path.name for path in objects.iterdir()}
    head = (
        f"POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key.secret}\r\n"
        "content-type: multipart/form-data; boundary=b\r\ncontent-length: 100000000\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    )
    with day.connect("eu") as connection:
        connection.sendall(head.encode() + b"x" * 20_000_000)
        eventually(lambda: len(list(objects.iterdir())) > len(whole), what="it is being written")
        day.processes["region-eu"].kill()
    # It goes when it has not changed for an hour: another process of the region might still be writing it.
    for unfinished in objects.glob("*#*"):
        os.utime(unfinished, (0, 0))
    day.start_region("eu")
    day.wait_until_ready("eu")
    eventually(lambda: {path.name for path in objects.iterdir()} == whole, what="the unfinished one is gone")
    assert [file.id for file in client.files.list()] == [kept.id]
    assert client.files.content(kept.id).read() == content
    completed = client.uploads.complete(upload.id, part_ids=[part.id])
    assert completed.file is not None
    assert client.files.content(completed.file.id).read() == content
