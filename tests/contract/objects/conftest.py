"""Every object store: a local folder, S3 and Azure Blob on real servers, through the relay that a region uses."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.platform.object_servers import (
    AZURE_ACCOUNT,
    AZURE_KEY,
    S3_KEY_ID,
    S3_REGION,
    S3_SECRET,
    AzureServer,
    S3Server,
    azure_server,
    s3_server,
)

from domicile.data_plane.egress import destination
from domicile.data_plane.egress_relay import relay_to
from domicile.data_plane.storage.aws_signature import AwsCredentials
from domicile.data_plane.storage.object_store import LocalObjectStore, ObjectStore
from domicile.data_plane.storage.remote_stores import Bucket, azure_store, s3_store

STORES = ("local", "s3", "azure")

Unfinished = Callable[[], int]
"""How many uploads have begun and not ended, as far as the store tells."""


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureServer]:
    with azure_server(tmp_path_factory.mktemp("azure")) as server:
        yield server


@pytest.fixture(params=STORES)
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of store."""
    return str(request.param)


@pytest.fixture
def unfinished(request: pytest.FixtureRequest, kind: str, tmp_path: Path) -> Unfinished:
    if kind == "s3":
        server: S3Server = request.getfixturevalue("s3")
        return server.unfinished_uploads
    return lambda: len(list(tmp_path.rglob("*#*")))


@pytest_asyncio.fixture
async def store(request: pytest.FixtureRequest, kind: str, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    """An empty store of each kind."""
    if kind == "local":
        yield LocalObjectStore(tmp_path / "objects")
        return
    server: S3Server | AzureServer = request.getfixturevalue(kind)
    url = server.url if kind == "s3" else f"{server.url}/{AZURE_ACCOUNT}"
    async with relay_to(destination(server.url, "DE")) as relay:
        bucket = Bucket(url, server.bucket(), relay, server.issuer.ca_file.read_bytes())
        if kind == "s3":
            yield s3_store(bucket, signing_region=S3_REGION, credentials=AwsCredentials(S3_KEY_ID, S3_SECRET))
        else:
            yield azure_store(bucket, account=AZURE_ACCOUNT, key=AZURE_KEY)
