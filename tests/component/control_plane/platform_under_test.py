"""The real control plane on a SQLite file, behind its two real listeners, and the means to speak to it."""

import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from openai import AsyncOpenAI

from domicile.apps.control.composition import ControlPlane
from domicile.catalogue.catalogue import load_catalogue
from domicile.kernel.clock import SystemClock
from domicile.settings.installation import Installation
from tests.component.control_plane.region_double import RegionDouble

Start = Callable[..., Awaitable["Platform"]]

CATALOGUE = load_catalogue()

KMS_ARN = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
BUCKET = {"type": "aws", "bucket": "their-bucket", "region": "us-east-1", "country": "US"}

SHARED_LOOP = pytest.mark.asyncio(loop_scope="session")
"""For tests of the fixture `shared`: they run on its event loop."""


class ShiftedClock:
    """The machine's clock, which a test may set forward."""

    def __init__(self) -> None:
        self.ahead_ms = 0
        self.elapsed_s = 0.0

    def monotonic(self) -> float:
        """Seconds, with those that a test lets go by."""
        return time.monotonic() + self.elapsed_s

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch."""
        return SystemClock().now_ms() + self.ahead_ms


def settings(folder: Path, **control: Any) -> Installation:
    """Two regions in the contract's shape: the US, and a Europe that requires agreement and ZDR."""
    region = {"listen": {"port": 0}}
    return Installation.model_validate(
        {
            "home": "us",
            "default_region": "us",
            "control": {
                "listen": {"port": 0},
                "boundary": {"listen": {"port": 0}, "url": "http://127.0.0.1:1"},
                "country": "US",
                "data": folder / "control",
                "operator": {"key_file": folder / "operator.key"},
                "first_organization": {"admin_key_file": folder / "admin.key", "agreement": True},
                **control,
            },
            "regions": [
                {
                    **region,
                    "code": "us",
                    "residency": "US_STORAGE_PROCESSING",
                    "geography": "US",
                    "countries": ["US"],
                    "public_url": "https://us.domicile.example",
                    "data": folder / "us",
                },
                {
                    **region,
                    "code": "eu",
                    "residency": "EU_STORAGE_PROCESSING",
                    "geography": "EU",
                    "countries": ["EEA+CH"],
                    "requires": ["enterprise", "zdr"],
                    "public_url": "https://eu.domicile.example",
                    "data": folder / "eu",
                },
            ],
        }
    )


class Platform:
    """A running control plane and the means to speak to it."""

    def __init__(
        self, running: ControlPlane, folder: Path, session: aiohttp.ClientSession, stack: AsyncExitStack
    ) -> None:
        self.running = running
        self.folder = folder
        self.operator_key = (folder / "operator.key").read_text().strip()
        self.admin_key = (folder / "admin.key").read_text().strip()
        self.regions: dict[str, RegionDouble] = {}
        """Of the fixture `shared`: the enrolled regions, none of which polls."""
        self._session = session
        self._stack = stack

    def sdk(self, admin_key: str | None = None) -> AsyncOpenAI:
        """The official client, without its retries, which would hide errors."""
        return AsyncOpenAI(
            api_key="unused",
            admin_api_key=admin_key or self.admin_key,
            base_url=f"{self.running.admin_url}/v1",
            max_retries=0,
        )

    async def ask(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """A call to the admin listener, with the admin key unless another is given."""
        sent = {"authorization": f"Bearer {self.admin_key if key is None else key}", **(headers or {})}
        url = self.running.admin_url + path
        async with self._session.request(method, url, json=body, headers=sent) as response:
            return response.status, await response.json()

    async def text(self, path: str, *, key: str) -> str:
        """What the admin listener answers where it is not JSON."""
        async with self._session.get(
            self.running.admin_url + path, headers={"authorization": f"Bearer {key}"}
        ) as response:
            assert response.status == 200
            return await response.text()

    async def operate(self, method: str, path: str, body: Any = None) -> Any:
        """A call to the operator API that must succeed."""
        status, answer = await self.ask(method, f"/operator/v1{path}", body, key=self.operator_key)
        assert status == 200, answer
        return answer

    async def region(self, code: str, **options: Any) -> RegionDouble:
        """A region that is not enrolled."""
        return await self._stack.enter_async_context(RegionDouble(code, self.running.boundary_url, **options))

    async def enrolled(self, code: str) -> RegionDouble:
        """A region that is."""
        region = await self.region(code)
        answer = await region.enroll(await self.token(code))
        assert answer.status == 200, answer
        return region

    async def token(self, code: str) -> str:
        """A new enrollment token."""
        answer = await self.operate("POST", f"/regions/{code}/enrollment_tokens")
        return str(answer["token"])

    async def project(self, **members: Any) -> dict[str, Any]:
        """A new project."""
        status, answer = await self.ask("POST", "/v1/organization/projects", {"name": "p", **members})
        assert status == 200, answer
        return dict(answer)

    async def external_key(self, *, key: str | None = None, **members: Any) -> dict[str, Any]:
        """A new external key, which no region has tried. `key`: the admin key."""
        body = {"type": "aws", "name": "k", "kms_arn": KMS_ARN, **members}
        status, answer = await self.ask("POST", "/v1/organization/external_keys", body, key=key)
        assert status == 200, answer
        return dict(answer)

    async def external_storage(self, project_id: str, *, key: str | None = None, **provider: Any) -> dict[str, Any]:
        """A new external storage of a project of region `us`, which the region has not tried. `key`: the admin key."""
        body = {"project_id": project_id, "provider": BUCKET | provider}
        status, answer = await self.ask("POST", "/v1/organization/external_storage", body, key=key)
        assert status == 200, answer
        return dict(answer)

    async def entitlement(self, project_id: str, **members: Any) -> dict[str, Any]:
        """A new entitlement of a project, in force for a month."""
        ends_at = int(time.time()) + 30 * 86_400
        sale = {"model": "gpt-4o-2024-08-06", "input_units": 1, "output_units": 1, "ends_at": ends_at, **members}
        return dict(await self.operate("POST", "/entitlements", {"project_id": project_id, **sale}))

    async def account(self, project_id: str, **members: Any) -> dict[str, Any]:
        """A new service account with its first key."""
        path = f"/v1/organization/projects/{project_id}/service_accounts"
        status, answer = await self.ask("POST", path, {"name": "a", **members})
        assert status == 200, answer
        return dict(answer)

    async def audit(self, *, key: str | None = None, query: str = "") -> list[dict[str, Any]]:
        """The organization's audit log, newest first."""
        status, answer = await self.ask("GET", f"/v1/organization/audit_logs?limit=100{query}", key=key)
        assert status == 200, answer
        return list(answer["data"])

    async def key(self, project_id: str, account_id: str, **members: Any) -> dict[str, Any]:
        """One more key."""
        path = f"/v1/organization/projects/{project_id}/service_accounts/{account_id}/api_keys"
        status, answer = await self.ask("POST", path, members)
        assert status == 200, answer
        return dict(answer)

    async def organization(self, name: str = "Other", **agreement: Any) -> "Tenant":
        """Another organization with its own admin key."""
        made = await self.operate("POST", "/organizations", {"name": name})
        if agreement:
            await self.operate("POST", f"/organizations/{made['id']}", agreement)
        return Tenant(made["id"], made["admin_api_key"]["id"], made["admin_api_key"]["value"])


@dataclass(frozen=True)
class Tenant:
    """An organization as its admin knows it."""

    id: str
    admin_key_id: str
    admin_key: str


def code_of(answer: Any) -> str | None:
    """An error's code, in the envelope with all its four members."""
    assert set(answer) == {"error"}, answer
    assert set(answer["error"]) == {"message", "type", "param", "code"}
    return None if answer["error"]["code"] is None else str(answer["error"]["code"])
