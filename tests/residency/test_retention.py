"""Retention where it counts: at the regions, with engines that can see, while the operator grants and withdraws."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from openai import OpenAI

from tests.pictures import PNG_URL
from tests.platform.installation import Installation, IssuedKey, RegionBlock
from tests.platform.processes import eventually
from tests.residency.test_error_table import CHAT, MODEL, check, said, shown

TEXT = {"model": MODEL, "messages": said("x")}
IMAGE = {"model": MODEL, "messages": shown(PNG_URL)}
AT = "messages[0].content[0].image_url"
ALL = {"enterprise_agreement": True, "zdr_eligible": True, "zdr_endpoints": "all"}


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The US, Europe, and a Europe that asks for an agreement but for no ZDR: the switch of C04. All engines see."""
    running = Installation(tmp_path_factory.mktemp("seeing"), engine_extra='modalities = ["text", "image"]')
    running.regions.append(RegionBlock("ez", '["EEA+CH"]', "FR", '["enterprise"]', rows_of="eu"))
    try:
        yield running.start()
    finally:
        running.stop()


@dataclass
class Tenant:
    """An organization with a key in some regions, and its operator."""

    installation: Installation
    id: str
    admin: OpenAI
    keys: dict[str, IssuedKey]

    @classmethod
    def make(cls, installation: Installation, *regions: str, **granted: Any) -> "Tenant":
        made = installation.operator("POST", "/operator/v1/organizations", {"name": "t"})
        installation.operator("POST", f"/operator/v1/organizations/{made['id']}", {**ALL, **granted})
        admin = installation.admin(made["admin_api_key"]["value"])
        return cls(installation, made["id"], admin, {code: installation.new_key(code, admin=admin) for code in regions})

    def record(self, **agreement: Any) -> None:
        """The operator grants or withdraws."""
        self.installation.operator("POST", f"/operator/v1/organizations/{self.id}", agreement)

    def ask(self, region: str, body: dict[str, Any]) -> httpx2.Response:
        url = f"{self.installation.region_url(region)}{CHAT}"
        return httpx2.post(url, headers={"authorization": f"Bearer {self.keys[region].secret}"}, json=body, timeout=20)

    def set(self, region: str, retention: Any) -> None:
        """The admin sets a project's retention."""
        self.admin.admin.organization.projects.data_retention.update(
            self.keys[region].project_id, retention_type=retention
        )


@pytest.mark.contract("C03")
def test_images_in_the_us_need_nothing_and_in_europe_approval_and_setting(seeing: Installation) -> None:
    tenant = Tenant.make(seeing, "us", "eu")
    assert tenant.ask("us", IMAGE).status_code == 200
    check(tenant.ask("eu", IMAGE), 400, "enhanced_zdr_required", AT)
    tenant.record(enhanced_zdr=True)
    check(tenant.ask("eu", IMAGE), 400, "enhanced_zdr_required", AT)
    tenant.set("eu", "enhanced_zero_data_retention")
    assert tenant.ask("eu", IMAGE).status_code == 200
    tenant.record(enhanced_zdr=False)
    check(tenant.ask("eu", IMAGE), 400, "enhanced_zdr_required", AT)
    assert tenant.ask("eu", TEXT).status_code == 200
    tenant.record(enhanced_zdr=True)
    assert tenant.ask("eu", IMAGE).status_code == 200
    tenant.set("eu", "zero_data_retention")
    check(tenant.ask("eu", IMAGE), 400, "enhanced_zdr_required", AT)
    # The same by way of the organization's default.
    tenant.admin.admin.organization.data_retention.update(retention_type="enhanced_zero_data_retention")
    tenant.set("eu", "organization_default")
    assert tenant.ask("eu", IMAGE).status_code == 200
    with seeing.engine("eu") as engine:
        sent = engine.get("/requests").json()[-1]["body"]["messages"][0]["content"][0]
    assert sent["image_url"]["url"] == PNG_URL, "the engine was sent the picture that was admitted"
    events = [event.to_dict() for event in tenant.admin.admin.organization.audit_logs.list(limit=100)]
    details: list[Any] = [event[str(event["type"])] for event in events]
    changes = [detail.get("changes_requested") for detail in details]
    for told in ({"enhanced_zdr": True}, {"enhanced_zdr": False}, {"data_retention": "enhanced_zero_data_retention"}):
        assert told in changes


@pytest.mark.contract("C01")
@pytest.mark.contract("C02")
@pytest.mark.parametrize(
    ("withdrawn", "code"),
    [
        ({"enterprise_agreement": False}, "enterprise_agreement_required"),
        ({"zdr_eligible": False}, "zdr_eligibility_required"),
        ({"zdr_endpoints": ["/v1/embeddings"]}, "zdr_required"),
    ],
)
def test_a_withdrawal_closes_its_region_and_leaves_reading_and_deleting(
    seeing: Installation, withdrawn: dict[str, Any], code: str
) -> None:
    tenant = Tenant.make(seeing, "us", "eu")
    assert tenant.ask("eu", TEXT).status_code == 200
    tenant.record(**withdrawn)
    eventually(lambda: tenant.ask("eu", TEXT).status_code == 403)
    check(tenant.ask("eu", TEXT), 403, code)
    assert tenant.ask("us", TEXT).status_code == 200
    key, projects = tenant.keys["eu"], tenant.admin.admin.organization.projects
    assert projects.data_retention.retrieve(key.project_id).type == "zero_data_retention"
    assert projects.api_keys.retrieve(key.key_id, project_id=key.project_id).id == key.key_id
    models = seeing.client("eu", key.secret).models.list()
    assert models.data, "what a project may name can be read"
    tenant.record(**ALL)
    assert tenant.ask("eu", TEXT).status_code == 200
    tenant.record(**withdrawn)
    assert projects.api_keys.delete(key.key_id, project_id=key.project_id).deleted
    tenant.record(**ALL)
    check(tenant.ask("eu", TEXT), 401, "invalid_api_key")


@pytest.mark.contract("C04")
def test_europe_without_zdr_is_a_switch_of_the_configuration(seeing: Installation) -> None:
    """`ez` differs from `eu` by one word of `requires`. What stays: its countries, its keys, no storing, the agreement."""
    tenant = Tenant.make(seeing, "ez", zdr_eligible=False, zdr_endpoints=[])
    check(tenant.ask("ez", {**TEXT, "store": True}), 400, "store_not_allowed", "store")
    for retention in ("none", "modified_abuse_monitoring", "organization_default"):
        tenant.set("ez", retention)
        assert tenant.ask("ez", TEXT).status_code == 200
        assert tenant.ask("ez", IMAGE).status_code == 200
    tenant.record(enterprise_agreement=False)
    check(tenant.ask("ez", TEXT), 403, "enterprise_agreement_required")
