"""/v1/batches through HTTP, with a real worker, engine and lifecycle (contract C24)."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from domicile.boundary.snapshot import Shard
from domicile.boundary.spending import SpendingLimit, month_of
from domicile.catalogue.catalogue import load_catalogue
from domicile.data_plane.jobs import batch_rows, inference_lines, service
from domicile.data_plane.jobs.worker import Worker
from domicile.data_plane.tables import batch_chunk
from domicile.kernel.ids import new_id
from tests.component.data_plane.files.files_under_test import objects_on_disk
from tests.component.data_plane.region_under_test import (
    MODEL,
    SECRET,
    RegionUnderTest,
    StubEngine,
    region_under_test,
    stub_engine,
)
from tests.unit.data_plane.region_parts import (
    KEY_ID,
    PROJECT,
    SetClock,
    engine_settings,
    key_record,
    new_key,
    organization_record,
    project_record,
    snapshot_table,
)

OTHER_PROJECT, OTHER_SECRET = "proj_" + "Q" * 24, new_key()
MODELS = {MODEL: "one-model", "text-embedding-3-small": "one-model", "gpt-4-0613": "one-model"}


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StubEngine]:
    with stub_engine(tmp_path_factory.mktemp("engine"), "one") as engine:
        yield engine


@dataclass
class Batching:
    """A region, its files, and its worker, which a test starts."""

    region: RegionUnderTest

    @property
    def worker(self) -> Worker:
        return self.region.path.batches.worker

    async def upload(self, content: bytes, *, purpose: str = "batch", secret: str = SECRET) -> str:
        """A new file's id."""
        form: dict[str, Any] = {"data": {"purpose": purpose}, "files": {"file": ("input.jsonl", content)}}
        made = await self.region.http.post("/v1/files", headers={"authorization": f"Bearer {secret}"}, **form)
        assert made.status_code == 200, made.text
        return str(made.json()["id"])

    async def records(self, file_id: str | None) -> list[Any]:
        """The lines of an output file or an error file."""
        listed = (await self.region.http.get("/v1/files", params={"purpose": "batch_output"})).json()["data"]
        assert file_id in {file["id"] for file in listed}
        content = await self.region.http.get(f"/v1/files/{file_id}/content")
        return [json.loads(line) for line in content.content.splitlines()]

    async def post(self, content: bytes, **members: Any) -> Any:
        body = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}
        if "input_file_id" not in members:
            body["input_file_id"] = await self.upload(content)
        return await self.region.http.post("/v1/batches", json={**body, **members})

    async def run_to_end(self, batch_id: str) -> Any:
        """The batch as it is shown when it has ended."""
        running = [asyncio.create_task(each()) for each in (self.worker.run, self.region.meter.run)]
        try:
            async with asyncio.timeout(60):
                while True:
                    shown = (await self.region.http.get(f"/v1/batches/{batch_id}")).json()
                    if shown["status"] in {"completed", "failed", "expired", "cancelled"}:
                        return shown
                    await asyncio.sleep(0.02)
        finally:
            running[0].cancel()
            self.region.meter.stop()
            await asyncio.gather(*running, return_exceptions=True)


@pytest_asyncio.fixture
async def batching(tmp_path: Path, stub: StubEngine) -> AsyncIterator[Batching]:
    engine = engine_settings("one", socket=stub.socket, models=MODELS)
    async with region_under_test(tmp_path, [engine], requires=frozenset({"enterprise", "zdr"})) as region:
        records = Shard(
            "eu",
            0,
            (organization_record(),),
            (project_record(), project_record(project_id=OTHER_PROJECT)),
            (key_record(SECRET), key_record(OTHER_SECRET, project_id=OTHER_PROJECT)),
        )
        region.snapshots.swap(snapshot_table(records))
        yield Batching(region)


def chat(number: int, **members: Any) -> dict[str, Any]:
    body = {"model": MODEL, "messages": [{"role": "user", "content": f"text {number}"}]}
    return {"custom_id": f"line-{number}", "method": "POST", "url": "/v1/chat/completions", "body": body, **members}


def jsonl(*requests: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in requests)


@pytest.mark.contract("C24")
async def test_the_official_client_walks_through_a_batch(batching: Batching, stub: StubEngine) -> None:
    file_id = await batching.upload(jsonl(*(chat(each) for each in range(1, 31))))
    async with batching.region.official_client() as client:
        made = await client.batches.create(
            input_file_id=file_id,
            endpoint="/v1/chat/completions",
            completion_window="24h",
            metadata={"night": "first"},
            output_expires_after={"anchor": "created_at", "seconds": 3600},
        )
        assert (made.status, made.object, made.metadata) == ("validating", "batch", {"night": "first"})
        assert made.expires_at == made.created_at + 86_400
        await batching.run_to_end(made.id)
        ended = await client.batches.retrieve(made.id)
        listed = await client.batches.list(limit=1)
    assert (ended.status, ended.errors, ended.error_file_id) == ("completed", None, None)
    assert ended.request_counts is not None
    assert ended.request_counts.to_dict() == {"total": 30, "completed": 30, "failed": 0}
    assert ended.usage is not None
    assert ended.usage.total_tokens == ended.usage.input_tokens + ended.usage.output_tokens > 0
    assert (ended.model, [each.id for each in listed.data], listed.has_more) == (MODEL, [made.id], False)
    records = await batching.records(ended.output_file_id)
    assert [record["custom_id"] for record in records] == [f"line-{each}" for each in range(1, 31)]
    first = records[0]
    assert first["id"].startswith("batch_req_")
    assert (first["error"], first["response"]["status_code"]) == (None, 200)
    assert first["response"]["body"]["object"] == "chat.completion"
    assert first["response"]["body"]["model"] == MODEL
    rows = await batching.region.ledger(30)
    assert {(row.batch, row.project_id, row.key_id, row.endpoint) for row in rows} == {
        (True, PROJECT, KEY_ID, "/v1/chat/completions")
    }
    assert sum(row.input_tokens for row in rows) == ended.usage.input_tokens


async def test_lines_beyond_a_spending_limit_stand_in_the_error_file(batching: Batching) -> None:
    """The limit is reached while the batch runs: what has begun ends, and no other line begins."""
    region = batching.region
    limit = SpendingLimit(1, month_of(region.clock.ms), 0)
    records = Shard("eu", 0, (organization_record(),), (project_record(spending=limit),), (key_record(SECRET),))
    region.snapshots.swap(snapshot_table(records, prices=load_catalogue().prices.prices))
    await region.path.spending.follow()
    made = (await batching.post(jsonl(*(chat(each) for each in range(1, 101))))).json()
    ended = await batching.run_to_end(made["id"])
    counts = ended["request_counts"]
    assert 1 <= counts["completed"] <= region.base.settings.batches.lines_at_once
    assert counts["completed"] + counts["failed"] == 100
    refused = await batching.records(ended["error_file_id"])
    assert {(each["response"]["status_code"], each["response"]["body"]["error"]["code"]) for each in refused} == {
        (429, "insufficient_quota")
    }


async def test_lines_that_are_refused_stand_in_the_error_file(batching: Batching) -> None:
    bad = [
        chat(2, body={"model": MODEL, "messages": "none"}),
        chat(3, body={"model": MODEL, "messages": [{"role": "user", "content": "x"}], "stream": True}),
        chat(4, body={"model": MODEL, "messages": [{"role": "user", "content": "x"}], "store": True}),
        chat(5, body={"model": MODEL, "messages": [{"role": "user", "content": "do:400"}]}),
    ]
    made = (await batching.post(jsonl(chat(1), *bad))).json()
    ended = await batching.run_to_end(made["id"])
    assert ended["request_counts"] == {"total": 5, "completed": 1, "failed": 4}
    records = await batching.records(ended["error_file_id"])
    assert [record["custom_id"] for record in records] == ["line-2", "line-3", "line-4", "line-5"]
    seen = [(each["response"]["status_code"], each["response"]["body"]["error"]["code"]) for each in records]
    assert seen == [
        (400, "invalid_type"),
        (400, "invalid_value"),
        (400, "store_not_allowed"),
        (400, "engine_refused"),
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", [("empty_file", None, None)]),
        (b"\n \r\n", [("empty_file", None, None)]),
        (b"\xef\xbb\xbf" + jsonl(chat(1), chat(1)), [("duplicate_custom_id", "custom_id", 2)]),
        (jsonl(chat(1)) + b"\n\r\n{broken\n", [("invalid_json_line", None, 4)]),
        (jsonl({**chat(1), "custom_id": None}, chat(2)), [("invalid_type", "custom_id", 1)]),
        (
            jsonl({"method": "POST", "url": "/v1/chat/completions", "body": {}}),
            [("missing_required_parameter", "custom_id", 1)],
        ),
        (jsonl(chat(1, url="/v1/embeddings")), [("url_mismatch", "url", 1)]),
        (jsonl(chat(1, method="GET")), [("invalid_value", "method", 1)]),
        (jsonl(chat(1), chat(2, body={"model": "gpt-4-0613", "messages": []})), [("model_mismatch", "body.model", 2)]),
        (jsonl(chat(1, body={"model": "tts-1"})), [("model_not_eligible", "body.model", 1)]),
        (jsonl(chat(1, body={"model": "nobody"})), [("model_not_found", "body.model", 1)]),
        (jsonl(chat(1, body={})), [("missing_required_parameter", "body.model", 1)]),
        (jsonl(chat(1, body=[])), [("invalid_type", "body", 1)]),
        (jsonl(chat(1, extra=1)), [("unknown_parameter", "extra", 1)]),
        (b"[]\n3\n", [("invalid_type", None, 1), ("invalid_type", None, 2)]),
        (b'{"custom_id":"a\xff"}', [("invalid_json_line", None, 1)]),
        (
            jsonl(*(chat(each, method="PUT") for each in range(150))),
            [("invalid_value", "method", each) for each in range(1, 101)],
        ),
    ],
)
async def test_a_broken_input_fails_with_its_lines(
    batching: Batching, content: bytes, expected: list[tuple[str, str | None, int | None]]
) -> None:
    made = await batching.post(content)
    assert made.status_code == 200
    ended = await batching.run_to_end(made.json()["id"])
    assert ended["status"] == "failed"
    assert ended["errors"]["object"] == "list"
    assert [(each["code"], each["param"], each["line"]) for each in ended["errors"]["data"]] == expected
    assert (ended["output_file_id"], ended["error_file_id"]) == (None, None)
    assert ended["request_counts"]["total"] == 0


async def test_crlf_blank_lines_a_byte_order_mark_and_no_last_newline(batching: Batching) -> None:
    lines = [json.dumps(chat(each)).encode() for each in range(1, 4)]
    made = (await batching.post(b"\xef\xbb\xbf" + b"\r\n\r\n".join(lines))).json()
    ended = await batching.run_to_end(made["id"])
    assert ended["request_counts"] == {"total": 3, "completed": 3, "failed": 0}


@pytest.mark.parametrize(
    ("members", "status", "code", "param"),
    [
        ({"endpoint": "/v1/images/generations"}, 400, "invalid_value", "endpoint"),
        ({"completion_window": "1h"}, 400, "invalid_value", "completion_window"),
        ({"input_file_id": "file-unknown"}, 404, "not_found", "input_file_id"),
        ({"input_file_id": "file-\u0000"}, 404, "not_found", "input_file_id"),
        ({"metadata": {"a": "b" * 513}}, 400, "invalid_value", "metadata[]"),
        ({"output_expires_after": {"anchor": "created_at", "seconds": 60}}, 400, "invalid_value", None),
        ({"webhook": "x"}, 400, "unknown_parameter", "webhook"),
        ({"input_file_id": None}, 400, "invalid_type", "input_file_id"),
    ],
)
async def test_a_batch_that_cannot_be_created(
    batching: Batching, members: dict[str, Any], status: int, code: str, param: str | None
) -> None:
    answer = await batching.post(jsonl(chat(1)), **members)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    if param is not None:
        assert error["param"] == param


async def test_a_file_that_cannot_be_an_input(batching: Batching, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = await batching.upload(jsonl(chat(1)), secret=OTHER_SECRET)
    answer = await batching.post(b"", input_file_id=theirs)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    other_purpose = await batching.upload(jsonl(chat(1)), purpose="user_data")
    answer = await batching.post(b"", input_file_id=other_purpose)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "input_file_id")
    monkeypatch.setattr(service, "INPUT_BYTES_MAX", 10)
    answer = await batching.post(b"x" * 11)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "input_file_id")


async def test_another_projects_batches_are_unknown(batching: Batching) -> None:
    made = (await batching.post(jsonl(chat(1)))).json()
    theirs = {"authorization": f"Bearer {OTHER_SECRET}"}
    http = batching.region.http
    for method, path in (("GET", made["id"]), ("POST", f"{made['id']}/cancel"), ("GET", new_id("batch_"))):
        answer = await http.request(method, f"/v1/batches/{path}", headers=theirs)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert (await http.get("/v1/batches", headers=theirs)).json()["data"] == []
    answer = await http.get("/v1/batches", params={"after": made["id"]}, headers=theirs)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "after")


async def test_pages_of_batches(batching: Batching) -> None:
    made = [(await batching.post(jsonl(chat(1)))).json()["id"] for _ in range(5)]
    seen: list[str] = []
    after: dict[str, Any] = {}
    while True:
        page = (await batching.region.http.get("/v1/batches", params={"limit": 2, **after})).json()
        seen += [each["id"] for each in page["data"]]
        assert (page["first_id"], page["last_id"]) == (page["data"][0]["id"], page["data"][-1]["id"])
        if not page["has_more"]:
            break
        after = {"after": page["last_id"]}
    # All are of one instant of this clock, so that only their ids order them.
    assert seen == sorted(made, reverse=True)
    for bad in ({"limit": 0}, {"limit": 101}, {"limit": "x"}, {"after": "batch_\u0000"}, {"purpose": "batch"}):
        assert (await batching.region.http.get("/v1/batches", params=bad)).status_code == 400


async def test_a_batch_is_cancelled_once(batching: Batching) -> None:
    made = (await batching.post(jsonl(*(chat(each) for each in range(1, 61))))).json()
    path = f"/v1/batches/{made['id']}/cancel"
    for _ in range(2):
        cancelled = await batching.region.http.post(path)
        assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelling")
    ended = await batching.run_to_end(made["id"])
    assert (ended["status"], ended["output_file_id"]) == ("cancelled", None)
    assert ended["request_counts"] == {"total": 60, "completed": 0, "failed": 60}
    records = await batching.records(ended["error_file_id"])
    assert {record["error"]["code"] for record in records} == {"batch_cancelled"}
    assert {record["response"] for record in records} == {None}
    again = await batching.region.http.post(path)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "batch_not_cancellable")
    assert again.headers["x-should-retry"] == "false"


async def test_a_repeated_post_makes_one_batch(batching: Batching) -> None:
    file_id = await batching.upload(jsonl(chat(1)))
    body = {"input_file_id": file_id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    http, key = batching.region.http, {"idempotency-key": "once"}
    both = await asyncio.gather(*(http.post("/v1/batches", json=body, headers=key) for _ in range(2)))
    assert (await http.delete(f"/v1/files/{file_id}")).status_code == 200
    later = await http.post("/v1/batches", json=body, headers=key)
    assert len({each.json()["id"] for each in (*both, later)}) == 1
    other = await http.post("/v1/batches", json={**body, "metadata": {}}, headers=key)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_key_reused")
    assert len((await http.get("/v1/batches")).json()["data"]) == 1


async def test_an_input_that_is_deleted_is_read_to_the_end_and_an_output_that_is_deleted_is_gone(
    batching: Batching,
) -> None:
    http = batching.region.http
    file_id = await batching.upload(jsonl(*(chat(each) for each in range(1, 31))))
    made = (await batching.post(b"", input_file_id=file_id)).json()
    assert (await http.delete(f"/v1/files/{file_id}")).status_code == 200
    assert (await http.get(f"/v1/files/{file_id}/content")).status_code == 404
    ended = await batching.run_to_end(made["id"])
    assert ended["request_counts"] == {"total": 30, "completed": 30, "failed": 0}
    output = f"/v1/files/{ended['output_file_id']}"
    assert (await http.delete(output)).status_code == 200
    assert (await http.get(f"{output}/content")).status_code == 404
    assert (await http.get(f"/v1/batches/{made['id']}")).json()["output_file_id"] == ended["output_file_id"]
    await batching.region.path.content.objects.sweep()
    assert objects_on_disk(batching.region) == []


async def test_too_many_batches_that_have_not_ended(batching: Batching, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_rows, "UNFINISHED_MAX", 1)
    assert (await batching.post(jsonl(chat(1)))).status_code == 200
    refused = await batching.post(jsonl(chat(1)))
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limit_exceeded")


async def test_lines_wait_for_their_engine(batching: Batching, monkeypatch: pytest.MonkeyPatch) -> None:
    """First in their place, and then their chunk gives its place to others."""
    monkeypatch.setattr(inference_lines, "PAUSES_S", (0.0, 0.0))
    region = batching.region
    region.router.report("one", healthy=False)
    made = (await batching.post(jsonl(*(chat(each) for each in range(1, 4))))).json()
    ending = asyncio.create_task(batching.run_to_end(made["id"]))
    async with asyncio.timeout(60):
        while not await put_off(region):
            await asyncio.sleep(0.01)
    shown = (await region.http.get(f"/v1/batches/{made['id']}")).json()
    assert (shown["status"], shown["request_counts"]["completed"]) == ("in_progress", 0)
    region.router.report("one", healthy=True)
    machine = region.base.clock.machine
    assert isinstance(machine, SetClock)
    machine.ms += 31_000
    ended = await ending
    assert ended["request_counts"] == {"total": 3, "completed": 3, "failed": 0}


async def put_off(region: RegionUnderTest) -> int:
    async with region.base.storage.region.reading() as connection:
        return (await connection.execute(select(func.sum(batch_chunk.c.put_off)))).scalar() or 0


async def test_a_batch_without_the_agreement(batching: Batching) -> None:
    """No new one begins; those that are there can be seen and cancelled."""
    made = (await batching.post(jsonl(chat(1)))).json()
    path = f"/v1/batches/{made['id']}"
    organization = organization_record(enterprise_agreement=False, zdr_eligible=False)
    records = Shard("eu", 0, (organization,), (project_record(),), (key_record(SECRET),))
    file_id = await batching.upload(jsonl(chat(1)))
    batching.region.snapshots.swap(snapshot_table(records))
    refused = await batching.post(b"", input_file_id=file_id)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "enterprise_agreement_required")
    assert (await batching.region.http.get(path)).json()["status"] == "validating"
    assert (await batching.region.http.post(f"{path}/cancel")).json()["status"] == "cancelling"


async def test_nothing_of_a_batch_is_in_the_database_or_the_log_in_clear(
    batching: Batching, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    needles = ["needle-id", "needle-text", "needle-metadata", "needle-model"]
    good = chat(1, custom_id=needles[0])
    good["body"]["messages"][0]["content"] = needles[1]
    made = (await batching.post(jsonl(good), metadata={"a": needles[2]})).json()
    await batching.run_to_end(made["id"])
    broken = (await batching.post(jsonl(chat(1, body={"model": needles[3]})))).json()
    shown = (await batching.region.http.get(f"/v1/batches/{broken['id']}")).json()
    assert shown["status"] == "validating"
    assert (await batching.worker._work.validate_one()) is True
    shown = (await batching.region.http.get(f"/v1/batches/{broken['id']}")).json()
    assert needles[3] in shown["errors"]["data"][0]["message"]
    said = "".join(capfd.readouterr())
    assert not [needle for needle in needles if needle in said]
    assert found_in(tmp_path, needles) == []
    assert found_in(tmp_path, [broken["id"]]), "the search finds what is there"


def found_in(folder: Path, needles: list[str]) -> list[str]:
    contents = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    return [needle for needle in needles if any(needle.encode() in content for content in contents)]
