"""`domicile up`, as a newcomer starts it, for the folder: real models, the official SDK."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from openai import OpenAI

from tests.platform.installation import IssuedKey
from tests.platform.processes import consecutive_ports, eventually

DOMICILE = Path(sys.executable).parent / "domicile"


@dataclass
class RunningUp:
    """One `domicile up` and what it wrote."""

    process: subprocess.Popen[bytes]
    folder: Path
    output: Path

    @property
    def endpoints(self) -> dict[str, object]:
        return json.loads((self.folder / "endpoints.json").read_text())  # type: ignore[no-any-return]

    @property
    def control_url(self) -> str:
        return str(self.endpoints["control"]["url"])  # type: ignore[index]

    def region_url(self, code: str) -> str:
        """With `/v1`, as a client takes it."""
        return str(self.endpoints["regions"][code]["url"])  # type: ignore[index]

    def key_file(self, name: str) -> Path:
        """`admin_key_file` or `operator_key_file`, absolute."""
        return self.folder / str(self.endpoints[name])

    def admin(self, key: str | None = None) -> OpenAI:
        """The official client with the first organization's admin key, or another."""
        admin_key = key or self.key_file("admin_key_file").read_text().strip()
        return OpenAI(admin_api_key=admin_key, api_key="unused", base_url=f"{self.control_url}/v1", max_retries=0)

    def client(self, code: str, key: str) -> OpenAI:
        """The official client at a region."""
        return OpenAI(api_key=key, base_url=self.region_url(code), max_retries=0)

    def operator(self, method: str, path: str, body: object = None) -> httpx2.Response:
        """A call of the operator API."""
        key = self.key_file("operator_key_file").read_text().strip()
        headers = {"authorization": f"Bearer {key}"}
        return httpx2.request(method, f"{self.control_url}{path}", headers=headers, json=body)

    def new_key(self, code: str, admin: OpenAI | None = None) -> IssuedKey:
        """A new project in a region, and a key of it."""
        projects = (admin or self.admin()).admin.organization.projects
        project = projects.create(name="e2e", extra_body={"residency": f"{code.upper()}_STORAGE_PROCESSING"})
        account = projects.service_accounts.create(project.id, name="e2e")
        assert account.api_key is not None
        return IssuedKey(project.id, account.id, account.api_key.id, account.api_key.value)


def start_up(folder: Path, port_base: int, *options: str) -> RunningUp:
    """Starts `domicile up` and returns at once; its output goes to a file beside the folder."""
    output = folder.with_suffix(".out")
    with output.open("ab") as stream:
        process = subprocess.Popen(
            [str(DOMICILE), "up", "--data", str(folder), "--port-base", str(port_base), *options],
            stdout=stream,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    return RunningUp(process, folder, output)


def wait_until_ready(up: RunningUp, *, within_s: float = 90) -> None:
    """Until `ready` stands on a line of its own."""

    def ready() -> bool:
        text = up.output.read_text(errors="replace")
        assert up.process.poll() is None, text
        return "ready" in [line.strip() for line in text.splitlines()]

    eventually(ready, within_s=within_s, what=f"up is ready, see {up.output}")


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUp]:
    running = start_up(tmp_path_factory.mktemp("up") / "data", consecutive_ports(3))
    try:
        wait_until_ready(running)
        yield running
    finally:
        running.process.terminate()
        running.process.wait(15)


@pytest.fixture(scope="session")
def us_key(up: RunningUp) -> IssuedKey:
    return up.new_key("us")


@pytest.fixture(scope="session")
def eu_key(up: RunningUp) -> IssuedKey:
    return up.new_key("eu")
