"""A batch of a project whose organization takes its own key away for a while, with moto's KMS and S3."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from domicile.apps.region import batches
from domicile.data_plane.storage.project_keys import HELD_MS
from tests.component.data_plane.files.files_under_test import objects_on_disk
from tests.component.data_plane.http.test_batches import MODELS, Batching, chat, jsonl
from tests.component.data_plane.jobs.workshop import QUICK
from tests.component.data_plane.region_under_test import SECRET, StubEngine, region_under_test, stub_engine
from tests.platform.customers import customer_services, customers_table, key_record_of, storage_record
from tests.platform.object_servers import S3_KEY_ID, S3_SECRET, S3Server, s3_server
from tests.unit.data_plane.region_parts import engine_settings, key_record


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StubEngine]:
    with stub_engine(tmp_path_factory.mktemp("engine"), "one") as engine:
        yield engine


@dataclass
class Customer:
    """A region with a worker, and the customer's key and bucket."""

    batching: Batching
    s3: S3Server
    arn: str
    bucket: str


@pytest_asyncio.fixture
async def customer(
    tmp_path: Path, s3: S3Server, stub: StubEngine, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Customer]:
    monkeypatch.setattr(batches, "Pace", lambda: QUICK)
    credentials = tmp_path.parent / f"{tmp_path.name}-credentials"
    credentials.write_text(f"{S3_KEY_ID}\n{S3_SECRET}\n")
    engine = engine_settings("one", socket=stub.socket, models=MODELS)
    services = customer_services(s3, str(credentials))
    async with region_under_test(tmp_path, [engine], customer_services=services) as region:
        arn, bucket = s3.kms_arn(), s3.bucket()
        records = key_record_of(arn), storage_record(bucket)
        region.snapshots.swap(customers_table(*records, keys=(key_record(SECRET),)))
        yield Customer(Batching(region), s3, arn, bucket)


async def test_it_pauses_while_the_key_is_away_and_goes_on(customer: Customer) -> None:
    batching, s3 = customer.batching, customer.s3
    region = batching.region
    made = (await batching.post(jsonl(*(chat(each) for each in range(1, 31))))).json()
    s3.enable_key(customer.arn, False)
    region.clock.ms += HELD_MS
    asked = s3.requests("POST / ")
    ending = asyncio.create_task(batching.run_to_end(made["id"]))
    async with asyncio.timeout(60):
        while s3.requests("POST / ") < asked + 3:
            region.clock.ms += QUICK.put_off_ms
            await asyncio.sleep(0.02)
    shown = (await region.http.get(f"/v1/batches/{made['id']}")).json()
    assert (shown["status"], ending.done()) == ("validating", False)
    s3.enable_key(customer.arn, True)
    while not ending.done():
        region.clock.ms += QUICK.put_off_ms
        await asyncio.sleep(0.02)
    ended = await ending
    assert (ended["status"], ended["request_counts"]) == ("completed", {"total": 30, "completed": 30, "failed": 0})
    assert len(await batching.records(ended["output_file_id"])) == 30
    await region.path.content.objects.sweep()
    assert objects_on_disk(region) == []
    assert len(s3.names_in(customer.bucket)) == 2, "the input and the output"
