"""Files of a project with its organization's own key and its own bucket, through HTTP, with moto's KMS and S3."""

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
import pytest_asyncio
from aiohttp import web

from domicile.boundary.outside_services import ExternalKeyRecord, ExternalStorageRecord
from domicile.data_plane.storage.external_keys import ExternalKeyUnavailableError
from domicile.data_plane.storage.project_keys import HELD_MS
from tests.component.data_plane.files.files_under_test import (
    OTHER_PROJECT,
    OTHERS_KEY,
    error_of,
    new_file,
    objects_on_disk,
    post_file,
)
from tests.component.data_plane.region_under_test import SECRET, RegionUnderTest, region_under_test
from tests.platform.certificates import Issuer
from tests.platform.customers import NOWHERE_ARN, customer_services, customers_table, key_record_of, storage_record
from tests.platform.object_servers import S3_KEY_ID, S3_REGION, S3_SECRET, S3Server, s3_server
from tests.residency.memory import forms, in_files
from tests.unit.data_plane.region_parts import PROJECT, key_record, project_record

KEYS = (key_record(SECRET), key_record(OTHERS_KEY, project_id=OTHER_PROJECT, key_id="key_" + "L" * 24))
OTHER = (project_record(project_id=OTHER_PROJECT),)
AS_OTHER = {"authorization": f"Bearer {OTHERS_KEY}"}


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def credentials(tmp_path: Path) -> str:
    file = tmp_path.parent / f"{tmp_path.name}-credentials"
    file.write_text(f"{S3_KEY_ID}\n{S3_SECRET}\n")
    return str(file)


@dataclass
class Customer:
    """A region, and what the customer of its project holds."""

    region: RegionUnderTest
    s3: S3Server
    arn: str
    bucket: str

    @property
    def http(self) -> httpx2.AsyncClient:
        return self.region.http

    def after_half_a_minute(self) -> None:
        self.region.clock.ms += HELD_MS


@pytest_asyncio.fixture
async def customer(tmp_path: Path, s3: S3Server, credentials: str) -> AsyncIterator[Customer]:
    services = customer_services(s3, credentials)
    async with region_under_test(tmp_path, [], customer_services=services) as region:
        customer = Customer(region, s3, s3.kms_arn(), s3.bucket())
        records = key_record_of(customer.arn), storage_record(customer.bucket)
        region.snapshots.swap(customers_table(*records, others=OTHER, keys=KEYS))
        yield customer


async def test_nothing_of_the_project_lies_in_the_regions_own_store(customer: Customer) -> None:
    canary = f"canary{secrets.token_hex(24)}canary"
    file_id = await new_file(customer.region, canary.encode() * 1000, f"{canary}.txt")
    assert objects_on_disk(customer.region) == []
    (name,) = customer.s3.names_in(customer.bucket)
    assert name.startswith(f"{PROJECT}/obj_")
    stored = customer.s3.content_of(customer.bucket, name)
    needles = forms(canary.encode())
    assert not any(needle in stored for needle in needles.values())
    assert in_files(customer.region.base.settings.data, needles) == []
    answer = await customer.http.get(f"/v1/files/{file_id}/content")
    assert answer.content == canary.encode() * 1000
    assert (await customer.http.delete(f"/v1/files/{file_id}")).status_code == 200
    assert customer.s3.names_in(customer.bucket) == []
    other = await customer.http.post(
        "/v1/files", data={"purpose": "user_data"}, files={"file": ("a", b"x")}, headers=AS_OTHER
    )
    assert other.status_code == 200
    assert len(objects_on_disk(customer.region)) == 1, "where another project's lies"


async def test_a_key_that_is_taken_away_closes_everything_and_given_back_opens_it(customer: Customer) -> None:
    file_id = await new_file(customer.region, b"x")
    customer.s3.enable_key(customer.arn, False)
    customer.after_half_a_minute()
    unavailable = (503, "external_key_unavailable", None)
    for path in ("/v1/files", f"/v1/files/{file_id}", f"/v1/files/{file_id}/content"):
        answer = await customer.http.get(path)
        assert error_of(answer) == unavailable
    assert "Your organization must enable the key" in answer.json()["error"]["message"]
    upload = {"filename": "a", "purpose": "user_data", "bytes": 1, "mime_type": "text/plain"}
    assert error_of(await post_file(customer.region)) == unavailable
    assert error_of(await customer.http.post("/v1/uploads", json=upload)) == unavailable
    assert (await customer.http.get("/v1/files", headers=AS_OTHER)).status_code == 200
    assert len(customer.s3.names_in(customer.bucket)) == 1
    customer.s3.enable_key(customer.arn, True)
    assert (await customer.http.get(f"/v1/files/{file_id}/content")).content == b"x"
    customer.s3.enable_key(customer.arn, False)
    customer.after_half_a_minute()
    assert (await customer.http.delete(f"/v1/files/{file_id}")).status_code == 200, "one's own can be deleted"
    assert customer.s3.names_in(customer.bucket) == []


async def test_links_to_images_open_only_while_the_key_can_be_used(customer: Customer) -> None:
    picture = secrets.token_bytes(1000)
    links = customer.region.path.image_links
    link = urlsplit(await links.store(PROJECT, picture))
    path = f"{link.path}?{link.query}"
    assert (await customer.http.get(path)).content == picture
    customer.s3.enable_key(customer.arn, False)
    customer.after_half_a_minute()
    assert error_of(await customer.http.get(path)) == (503, "external_key_unavailable", None)
    with pytest.raises(ExternalKeyUnavailableError):
        await links.require_room(PROJECT)
    await links.require_room(OTHER_PROJECT)
    customer.s3.enable_key(customer.arn, True)
    assert (await customer.http.get(path)).content == picture


async def test_a_bucket_that_is_taken_away(customer: Customer) -> None:
    file_id = await new_file(customer.region, b"x")
    customer.s3.forbid(customer.bucket, True)
    unavailable = (503, "external_storage_unavailable", None)
    answer = await customer.http.get(f"/v1/files/{file_id}/content")
    assert error_of(answer) == unavailable
    assert "Your organization must let" in answer.json()["error"]["message"]
    assert error_of(await post_file(customer.region)) == unavailable
    assert objects_on_disk(customer.region) == []
    assert (await customer.http.get(f"/v1/files/{file_id}")).status_code == 200
    customer.s3.forbid(customer.bucket, False)
    assert (await customer.http.get(f"/v1/files/{file_id}/content")).content == b"x"


@pytest.mark.parametrize("what", ["key", "bucket", "country"])
async def test_what_is_not_offered_is_never_called(customer: Customer, what: str) -> None:
    records: dict[str, ExternalKeyRecord | ExternalStorageRecord] = {
        "key": key_record_of(NOWHERE_ARN),
        "bucket": storage_record(customer.bucket, signing_region="us-east-1"),
        "country": storage_record(customer.bucket, country="FR"),
    }
    record, code = records[what], f"external_{'key' if what == 'key' else 'storage'}_unavailable"
    customer.region.snapshots.swap(customers_table(record, others=OTHER, keys=KEYS))
    asked = customer.s3.requests()
    answer = await post_file(customer.region)
    assert error_of(answer) == (503, code, None)
    assert "Ask the operator" in answer.json()["error"]["message"]
    assert (customer.s3.requests(), objects_on_disk(customer.region)) == (asked, [])


async def test_a_snapshot_cannot_move_a_project_to_another_key(customer: Customer) -> None:
    file_id = await new_file(customer.region, b"x")
    customer.after_half_a_minute()
    customer.region.snapshots.swap(customers_table(storage_record(customer.bucket), keys=KEYS))
    for answer in (await customer.http.get(f"/v1/files/{file_id}"), await post_file(customer.region)):
        assert error_of(answer) == (503, "external_key_unavailable", None)
    assert "Tell the operator" in answer.json()["error"]["message"]


async def test_a_destroyed_project_is_gone_from_the_bucket(customer: Customer) -> None:
    await new_file(customer.region, b"x")
    content = customer.region.path.content
    for destroy in (content.keys.destroy, content.files.destroy, content.uploads.destroy, content.objects.destroy):
        await destroy(PROJECT)
    assert customer.s3.names_in(customer.bucket) == []
    assert error_of(await post_file(customer.region)) == (404, "not_found", None)
    upload = {"filename": "a", "purpose": "user_data", "bytes": 1, "mime_type": "text/plain"}
    assert error_of(await customer.http.post("/v1/uploads", json=upload)) == (404, "not_found", None)


@dataclass
class HostileService:
    """Sends everything on to another server."""

    url: str
    issuer: Issuer
    asked: int = 0


@asynccontextmanager
async def hostile_service(folder: Path, elsewhere: str) -> AsyncIterator[HostileService]:
    issuer = Issuer(folder)
    service = HostileService("", issuer)

    async def answer(request: web.Request) -> web.StreamResponse:
        service.asked += 1
        raise web.HTTPTemporaryRedirect(f"{elsewhere}{request.rel_url}")

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(issuer.certificate_file, issuer.key_file)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    service.url = f"https://localhost:{runner.addresses[0][1]}"
    try:
        yield service
    finally:
        await runner.cleanup()


async def test_a_service_that_sends_the_region_elsewhere(tmp_path: Path, credentials: str) -> None:
    """Only the configured host is connected: the server to which everything is sent on hears nothing."""
    connected: list[Any] = []

    async def hear(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.append(writer.get_extra_info("peername"))
        writer.close()

    elsewhere = await asyncio.start_server(hear, "127.0.0.1", 0)
    url = f"https://localhost:{elsewhere.sockets[0].getsockname()[1]}"
    async with elsewhere, hostile_service(tmp_path / "hostile", url) as hostile:
        endpoint = {"url": hostile.url, "credentials_file": credentials, "ca_file": str(hostile.issuer.ca_file)}
        services = [{"signing_region": S3_REGION, "country": "DE", "kms": endpoint, "s3": endpoint}]
        async with region_under_test(tmp_path, [], customer_services=services) as region:
            key, storage = key_record_of(f"arn:aws:kms:{S3_REGION}:123456789012:key/1"), storage_record("bucket-1")
            records: tuple[tuple[ExternalKeyRecord | ExternalStorageRecord, str], ...] = (
                (key, "external_key_unavailable"),
                (storage, "external_storage_unavailable"),
            )
            for record, code in records:
                asked = hostile.asked
                region.snapshots.swap(customers_table(record, keys=KEYS))
                assert error_of(await post_file(region)) == (503, code, None)
                assert hostile.asked > asked
            assert objects_on_disk(region) == []
    assert connected == []
