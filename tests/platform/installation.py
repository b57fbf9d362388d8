"""An installation in a folder: control plane, regions us and eu, one stub engine for each region, nothing shared."""

import socket
import ssl
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx2
from openai import OpenAI

from tests.platform.certificates import Issuer
from tests.platform.processes import Process, eventually, free_ports

CHAT_SNAPSHOTS = (
    "o3-mini-2025-01-31",
    "o1-2024-12-17",
    "o1-mini-2024-09-12",
    "o1-preview",
    "gpt-4o-2024-11-20",
    "gpt-4o-2024-08-06",
    "gpt-4o-mini-2024-07-18",
    "gpt-4-turbo-2024-04-09",
    "gpt-4-0613",
    "gpt-3.5-turbo-0125",
)
# What the stub answers beside chat, endpoint by endpoint.
OTHER_SNAPSHOTS = (
    *("whisper-1", "tts-1"),
    "gpt-3.5-turbo-instruct",
    *("text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002"),
    "dall-e-3",
    *("text-moderation-007", "omni-moderation-latest"),
)


class Relay(Protocol):
    """Something on a loopback port that passes connections on to the boundary listener."""

    port: int

    def close(self) -> None: ...


@dataclass
class RegionBlock:
    """One region of the configuration."""

    code: str
    countries: str
    engine_country: str
    requires: str = "[]"
    port: int = 0
    rows_of: str | None = None


@dataclass
class Installation:
    """Started with `start`, stopped with `stop`; every process can be killed and started again."""

    folder: Path
    agreement: bool = True
    boundary_url: str | None = None
    home: tuple[str, str] = "us", "US"
    """The region in which the control plane stands, and the country."""
    log_level: str = "debug"
    engine_extra: str = ""
    region_extra: dict[str, str] = field(default_factory=dict)
    """Further settings of regions, by code."""
    clocks_ahead_s: dict[str, int] = field(default_factory=dict)
    """Regions whose machine's clock is wrong, and by how much."""
    database_urls: dict[str, str] = field(default_factory=dict)
    """PostgreSQL for the planes named here, "control" or a region's code; SQLite files for all others."""
    python: str = sys.executable
    """The interpreter of the planes, where it is not that of the tests."""
    issuer: Issuer | None = None
    """Of the certificate that every listener shows; without it they speak in clear."""
    regions: list[RegionBlock] = field(
        default_factory=lambda: [
            RegionBlock("us", '["US"]', "US"),
            RegionBlock("eu", '["EEA+CH"]', "DE", '["enterprise", "zdr"]'),
        ]
    )
    control_port: int = 0
    boundary_port: int = 0
    processes: dict[str, Process] = field(default_factory=dict)
    replicas: dict[str, Process] = field(default_factory=dict)
    """Processes beside the first one of their region, by their URL."""
    relay: Relay | None = None

    def configure(self) -> None:
        """Chooses ports and writes `domicile.toml`."""
        self.control_port, self.boundary_port, *ports = free_ports(2 + len(self.regions))
        for region, port in zip(self.regions, ports, strict=True):
            region.port = port
        self.folder.mkdir(parents=True, exist_ok=True)
        self.write_configuration()

    def write_configuration(self) -> None:
        """Writes `domicile.toml` as things stand."""
        boundary = self.boundary_url or f"{self.scheme}://127.0.0.1:{self.boundary_port}"
        blocks = "".join(self._region_block(region) for region in self.regions)
        self.config.write_text(
            f"""
home = "{self.home[0]}"
default_region = "us"

[control]
listen = {self._listener(self.control_port)}
country = "{self.home[1]}"
data = "control"
operator = {{ key_file = "control/operator.key" }}
{self._database("control", self.home[1])}

[control.boundary]
listen = {self._listener(self.boundary_port)}
url = "{boundary}"
{"" if self.issuer is None else f'ca_file = "{self.issuer.ca_file}"'}

[control.first_organization]
admin_key_file = "control/admin.key"
agreement = {str(self.agreement).lower()}
{blocks}"""
        )

    def _region_block(self, region: RegionBlock) -> str:
        bound = [name for name in (*CHAT_SNAPSHOTS, *OTHER_SNAPSHOTS) if name != "gpt-4-0613"]
        models = "\n".join(f'"{name}" = "stub"' for name in bound)
        return f"""
[[regions]]
code = "{region.code}"
residency = "{region.code.upper()}_STORAGE_PROCESSING"
geography = "{region.code.upper()}"
countries = {region.countries}
public_url = "{self.scheme}://127.0.0.1:{region.port}"
listen = {self._listener(region.port)}
operator.listen = {self._listener(0)}
requires = {region.requires}
{f'rows_of = "{region.rows_of}"' if region.rows_of else ""}
usage.report_every_s = 0.5
data = "{region.code}"
{self._database(region.code, region.engine_country)}
enrollment.token_file = "{region.code}/enrollment-token"
{self.region_extra.get(region.code, "")}

[[regions.engines]]
name = "stub"
label = "stub-engine-{region.code}"
country = "{region.engine_country}"
operator = "the tests"
socket = "{region.code}/engine.sock"
cache_salt = true
first_byte_timeout_s = 5
idle_timeout_s = 5
{self.engine_extra}
[regions.engines.models]
{models}
"""

    def _listener(self, port: int) -> str:
        if self.issuer is None:
            return f"{{ port = {port} }}"
        files = f'certificate_file = "{self.issuer.certificate_file}", key_file = "{self.issuer.key_file}"'
        return f"{{ port = {port}, tls = {{ {files} }} }}"

    def _database(self, plane: str, country: str) -> str:
        url = self.database_urls.get(plane)
        return "" if url is None else f'database = {{ url = "{url}", country = "{country}" }}'

    @property
    def config(self) -> Path:
        return self.folder / "domicile.toml"

    @property
    def scheme(self) -> str:
        return "http" if self.issuer is None else "https"

    @property
    def verify(self) -> ssl.SSLContext | bool:
        """What an HTTP client is told to trust."""
        return True if self.issuer is None else self.issuer.client()

    @property
    def control_url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.control_port}"

    def region_url(self, code: str) -> str:
        """Scheme, host and port of a region."""
        return f"{self.scheme}://127.0.0.1:{self._port(code)}"

    def _port(self, code: str) -> int:
        return next(region.port for region in self.regions if region.code == code)

    def connect(self, code: str) -> socket.socket:
        """A raw connection to a region, in clear or over TLS as it speaks."""
        sock = socket.create_connection(("127.0.0.1", self._port(code)), timeout=10)
        return sock if self.issuer is None else self.issuer.client().wrap_socket(sock, server_hostname="127.0.0.1")

    def start(self, *, through_relay: Callable[[int], Relay] | None = None) -> "Installation":
        """Everything, until every region is ready. `through_relay`: what stands between the regions and the boundary."""
        self.configure()
        if through_relay is not None:
            self.relay = through_relay(self.boundary_port)
            self.boundary_url = f"http://127.0.0.1:{self.relay.port}"
            self.write_configuration()
        self.start_control()
        for region in self.regions:
            self.start_engine(region.code)
            self.start_region(region.code)
        for region in self.regions:
            self.wait_until_ready(region.code)
        return self

    def stop(self) -> None:
        """Everything, newest first."""
        for process in reversed(self.processes.values()):
            process.stop()
        if self.relay is not None:
            self.relay.close()

    def start_control(self) -> None:
        """The control plane, until it answers."""
        self._start("control", "domicile.apps.control", "--config", str(self.config), "--log-level", self.log_level)
        self._wait_for("control", f"{self.control_url}/healthz")

    def start_engine(self, code: str) -> None:
        """A region's stub engine."""
        (self.folder / code).mkdir(exist_ok=True)
        path = self.folder / code / "engine.sock"
        self._start(f"engine-{code}", "tests.platform.stub_engine", "--socket", str(path))

    def start_region(self, code: str) -> None:
        """A region's process. At its first start the operator enrolls it."""
        token_file = self.folder / code / "enrollment-token"
        if not token_file.exists():
            answer = self.operator("POST", f"/operator/v1/regions/{code}/enrollment_tokens")
            token_file.write_text(answer["token"])
        arguments = ["--config", str(self.config), "--region", code, "--log-level", self.log_level]
        module = "domicile.apps.region"
        if code in self.clocks_ahead_s:
            module = "tests.platform.region_with_wrong_clock"
            arguments += ["--ahead-s", str(self.clocks_ahead_s[code])]
        self._start(f"region-{code}", module, *arguments)

    def start_worker(self, code: str, name: str) -> Process:
        """One more process that runs a region's batches, called `name` in `processes`."""
        arguments = ("--config", str(self.config), "--region", code, "--log-level", self.log_level)
        self._start(name, "domicile.apps.region.worker", *arguments)
        return self.processes[name]

    def region_operator(self, code: str, path: str, *, url_file: str = "operator-url") -> httpx2.Response:
        """A GET at an operator listener of a region's processes."""
        url, key = ((self.folder / code / name).read_text().strip() for name in (url_file, "operator-key"))
        return httpx2.get(f"{url}{path}", headers={"authorization": f"Bearer {key}"})

    def start_replica(self, code: str) -> str:
        """One more process of a region whose database is a server, on a port of its own, once it is ready. Its URL."""
        [port] = free_ports(1)
        name, url = f"region-{code}-{port}", f"http://127.0.0.1:{port}"
        arguments = ("--config", str(self.config), "--region", code, "--log-level", self.log_level)
        self._start(name, "domicile.apps.region", *arguments, "--port", str(port))
        self._wait_for(name, f"{url}/readyz")
        self.replicas[url] = self.processes[name]
        return url

    def wait_until_ready(self, code: str) -> None:
        """Until the region has a snapshot and an engine."""
        self._wait_for(f"region-{code}", f"{self.region_url(code)}/readyz")

    def _wait_for(self, name: str, url: str) -> None:
        def answers() -> bool:
            self.processes[name].check()
            return httpx2.get(url, verify=self.verify).status_code == 200

        eventually(answers, within_s=60, what=f"{name} answers at {url}")

    def _start(self, name: str, module: str, *arguments: str) -> None:
        known = self.processes.get(name)
        if known is None:
            # Stand-ins of the tests need the tests' own packages.
            python = self.python if module.startswith("domicile.") else sys.executable
            log = self.folder / "logs" / f"{name}.log"
            known = self.processes[name] = Process(module, *arguments, log=log, python=python)
        known.start()

    def operator(self, method: str, path: str, body: Any = None) -> Any:
        """A call of the operator API that must succeed."""
        key = (self.folder / "control" / "operator.key").read_text().strip()
        headers = {"authorization": f"Bearer {key}"}
        answer = httpx2.request(method, f"{self.control_url}{path}", headers=headers, json=body, verify=self.verify)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def admin(self, key: str | None = None) -> OpenAI:
        """The official client with an admin key: the first organization's unless another is given."""
        admin_key = key or (self.folder / "control" / "admin.key").read_text().strip()
        return OpenAI(admin_api_key=admin_key, api_key="unused", **self._client(self.control_url))

    def client(self, code: str, key: str) -> OpenAI:
        """The official client at a region."""
        return OpenAI(api_key=key, **self._client(self.region_url(code)))

    def _client(self, url: str) -> dict[str, Any]:
        own = {} if self.issuer is None else {"http_client": httpx2.Client(verify=self.verify, timeout=60)}
        return {"base_url": f"{url}/v1", "max_retries": 0, **own}

    def new_key(
        self, code: str, *, admin: OpenAI | None = None, name: str = "tests", expires_in_s: int | None = None
    ) -> "IssuedKey":
        """A new project in the region, and a key of it."""
        administration = (admin or self.admin()).admin.organization.projects
        project = administration.create(name=name, extra_body={"residency": f"{code.upper()}_STORAGE_PROCESSING"})
        account = administration.service_accounts.create(
            project.id, name=name, extra_body={} if expires_in_s is None else {"expires_in_seconds": expires_in_s}
        )
        assert account.api_key is not None
        return IssuedKey(project.id, account.id, account.api_key.id, account.api_key.value)

    def engine(self, code: str) -> httpx2.Client:
        """A client of a region's stub engine itself."""
        transport = httpx2.HTTPTransport(uds=str(self.folder / code / "engine.sock"))
        return httpx2.Client(transport=transport, base_url="http://engine", timeout=15)


@dataclass(frozen=True)
class IssuedKey:
    """A key as its creator sees it, once."""

    project_id: str
    service_account_id: str
    key_id: str
    secret: str = field(repr=False)
