"""One region for each adapter, before a real server with its vendor's manners."""

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
import trustme
from tests.component.data_plane.region_under_test import MODEL, RegionUnderTest, region_under_test
from tests.platform.processes import Process, eventually, free_ports
from tests.platform.vendor_servers import KEY, VendorServer, azure_openai, openai, serving
from tests.unit.data_plane.region_parts import engine_settings

from domicile.settings.engines import EngineSettings

API_VERSION = "2024-10-21"


@dataclass
class Backend:
    """An engine's settings, and where one can look at what it was sent."""

    settings: EngineSettings
    server: VendorServer | None = None
    """None for llama.cpp, which keeps nothing."""

    def with_settings(self, **members: Any) -> EngineSettings:
        """The same engine, otherwise configured."""
        return engine_settings(**{**self.settings.model_dump(exclude_unset=True), **members})


@pytest.fixture(scope="session")
def llama_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real llama.cpp server in a process of its own."""
    [port] = free_ports(1)
    log = tmp_path_factory.mktemp("llama") / "llama.log"
    process = Process("tests.platform.llama_server", "--port", str(port), "--key", KEY, log=log).start()
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: httpx2.get(f"{url}/health").status_code == 200, within_s=60, what="llama.cpp has loaded")
        yield url
    finally:
        process.kill()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest_asyncio.fixture(params=["llama-server", "azure", "openai"])
async def backend(
    request: pytest.FixtureRequest, tmp_path: Path, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Backend]:
    """Each adapter in turn."""
    key_file = tmp_path / "key"
    key_file.write_text(KEY)
    monkeypatch.setenv("VENDOR_KEY", KEY)
    if request.param == "llama-server":
        url = request.getfixturevalue("llama_server")
        yield Backend(engine_settings(url=f"{url}/v1", api_key_file=key_file, models={MODEL: "smollm2"}))
        return
    server = VendorServer()
    async with AsyncExitStack() as stack:
        if request.param == "azure":
            await stack.enter_async_context(serving(azure_openai(server, "my-4o", API_VERSION), server))
            vendor: dict[str, Any] = {"vendor": "azure_openai", "api_version": API_VERSION, "api_key_file": key_file}
            vendor |= {"models": {MODEL: "my-4o"}}
        else:
            certificate = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("localhost").configure_cert(certificate)
            await stack.enter_async_context(serving(openai(server, MODEL), server, certificate))
            authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
            vendor = {"vendor": "openai", "api_key_env": "VENDOR_KEY", "ca_file": tmp_path / "ca.pem"}
            vendor |= {"models": {MODEL: MODEL}, "organization": "org-acme", "project": "proj_acme"}
        yield Backend(engine_settings(url=server.url, **vendor), server)


@pytest_asyncio.fixture
async def region(tmp_path: Path, backend: Backend) -> AsyncIterator[RegionUnderTest]:
    async with region_under_test(tmp_path, [backend.settings]) as region:
        yield region
