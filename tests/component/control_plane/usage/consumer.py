"""A project that uses something, and the region that reports it."""

from dataclasses import dataclass
from typing import Any

import msgspec

from domicile.boundary import protocol
from domicile.boundary.usage import ServiceTier, Usage, UsageDelta, UsageReport
from domicile.catalogue.endpoints import Endpoint
from domicile.kernel.ids import new_id
from tests.component.control_plane.platform_under_test import Platform
from tests.component.control_plane.region_double import Answer, RegionDouble

DAY = 1_767_225_600
"""2026-01-01T00:00:00Z."""


@dataclass
class Consumer:
    """A project with a key, and the region that reports what it used."""

    region: RegionDouble
    organization_id: str
    project_id: str
    key_id: str
    writer: str
    admin_key: str
    reported: int = 0

    def delta(self, at_s: int = DAY, **members: Any) -> UsageDelta:
        """One request of 10 tokens in and 5 out, unless said otherwise."""
        values: dict[str, Any] = {
            "organization_id": self.organization_id,
            "project_id": self.project_id,
            "key_id": self.key_id,
            "model": "gpt-4o-2024-08-06",
            "fine_tuned_model": None,
            "endpoint": Endpoint.CHAT_COMPLETIONS,
            "tier": ServiceTier.DEFAULT,
            "batch": False,
            "requests": 1,
            "usage": Usage(10, 4, 5, 2),
        }
        return UsageDelta(**{"minute": at_s // 60, **values, **members})

    async def report(self, *deltas: UsageDelta, number: int | None = None, region: str | None = None) -> Answer:
        """Sends a report with the next number, or again with an old one."""
        if number is None:
            self.reported += 1
            number = self.reported
        report = UsageReport(region or self.region.code, self.writer, number, deltas)
        return await self.region.call("POST", protocol.USAGE, msgspec.json.encode(report))


async def consumer(platform: Platform, region: RegionDouble) -> Consumer:
    """A new organization with one project and one key."""
    tenant = await platform.organization(enterprise_agreement=True, zdr_eligible=True)
    organization = platform.sdk(tenant.admin_key).admin.organization
    project = await organization.projects.create(name="p", residency=f"{region.code.upper()}_STORAGE_PROCESSING")  # type: ignore[arg-type]
    account = await organization.projects.service_accounts.create(project.id, name="a")
    assert account.api_key is not None
    return Consumer(region, tenant.id, project.id, account.api_key.id, new_id("wr_"), tenant.admin_key)


async def sums(
    platform: Platform, who: Consumer, query: str = "", *, kind: str = "completions"
) -> list[dict[str, Any]]:
    """The results of the first day."""
    path = f"/v1/organization/usage/{kind}"
    status, answer = await platform.ask(
        "GET", f"{path}?start_time={DAY}&end_time={DAY + 86400}{query}", key=who.admin_key
    )
    assert status == 200, answer
    (bucket,) = answer["data"]
    return list(bucket["results"])
