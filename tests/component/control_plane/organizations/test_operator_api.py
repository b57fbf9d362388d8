"""What only the operator does: organizations and what they have agreed to."""

from typing import Any

import pytest

from domicile.catalogue.endpoints import Endpoint
from tests.component.control_plane.platform_under_test import SHARED_LOOP, Platform, Start, code_of, settings

ALL = sorted(Endpoint)


@SHARED_LOOP
async def test_the_first_organization_starts_with_all_but_enhanced_zdr(shared: Platform) -> None:
    first = await shared.operate("GET", "/organization")
    assert first["id"] == shared.running.identity.first_organization_id
    assert (first["enterprise_agreement"], first["zdr_eligible"], first["enhanced_zdr"]) == (True, True, False)
    assert first["zdr_endpoints"] == ALL
    assert first["retention"] == "modified_abuse_monitoring"


async def test_it_starts_with_nothing_where_the_configuration_says_so(start: Start, tmp_path: Any) -> None:
    platform = await start(settings(tmp_path, first_organization={"admin_key_file": tmp_path / "admin.key"}))
    first = await platform.operate("GET", "/organization")
    assert (first["enterprise_agreement"], first["zdr_eligible"], first["enhanced_zdr"]) == (False, False, False)
    assert first["zdr_endpoints"] == []


@SHARED_LOOP
async def test_a_new_organization_has_an_admin_key_and_no_agreement(shared: Platform) -> None:
    made = await shared.operate("POST", "/organizations", {"name": "Acme"})
    assert (made["enterprise_agreement"], made["zdr_eligible"], made["zdr_endpoints"]) == (False, False, [])
    value = made["admin_api_key"]["value"]
    assert (await shared.ask("GET", "/v1/organization/projects", key=value))[1]["data"] == []
    found = await shared.operate("GET", f"/organizations/{made['id']}")
    assert found == {name: each for name, each in made.items() if name != "admin_api_key"}
    listed = await shared.operate("GET", "/organizations?limit=100")
    assert listed["first_id"] == shared.running.identity.first_organization_id
    # Other tests have made organizations too, some of them more than a page.
    newest = await shared.operate("GET", "/organizations?limit=100&order=desc")
    assert made["id"] in [organization["id"] for organization in newest["data"]]


@SHARED_LOOP
async def test_agreements_are_merged(shared: Platform) -> None:
    tenant = await shared.organization()
    path = f"/organizations/{tenant.id}"
    await shared.operate("POST", path, {"enterprise_agreement": True})
    await shared.operate("POST", path, {"zdr_endpoints": ["/v1/embeddings", "/v1/embeddings"], "zdr_eligible": True})
    found = await shared.operate("POST", path, {})
    assert (found["enterprise_agreement"], found["zdr_eligible"], found["enhanced_zdr"]) == (True, True, False)
    assert found["zdr_endpoints"] == ["/v1/embeddings"]
    assert (await shared.operate("POST", path, {"zdr_endpoints": "all"}))["zdr_endpoints"] == ALL
    assert (await shared.operate("POST", path, {"zdr_endpoints": [], "zdr_eligible": False}))["zdr_endpoints"] == []
    assert (await shared.operate("GET", path))["zdr_eligible"] is False


async def test_an_agreement_reaches_every_region_of_the_organization(platform: Platform) -> None:
    us, eu = await platform.enrolled("us"), await platform.enrolled("eu")
    await platform.project()
    first = platform.running.identity.first_organization_id
    before = await us.current()
    elsewhere = await eu.current()
    assert before.organizations[first].enhanced_zdr is False
    assert before.organizations[first].retention == "modified_abuse_monitoring"
    await platform.operate("POST", "/organization", {"enhanced_zdr": True, "zdr_endpoints": ["/v1/embeddings"]})
    record = (await us.current()).organizations[first]
    assert (record.enhanced_zdr, record.zdr_endpoints) == (True, (Endpoint.EMBEDDINGS,))
    # It has no project in Europe, so nothing was published there.
    assert (await eu.current()).manifest.number == elsewhere.manifest.number


@SHARED_LOOP
@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"zdr_eligible": "yes"}, "invalid_type", "zdr_eligible"),
        ({"zdr_eligible": None}, "invalid_type", "zdr_eligible"),
        ({"zdr_endpoints": ["/v1/nothing"]}, "invalid_value", "zdr_endpoints[0]"),
        ({"zdr_endpoints": "some"}, "invalid_value", "zdr_endpoints"),
        ({"retention": "none"}, "unknown_parameter", "retention"),
        ({"name": "Other"}, "unknown_parameter", "name"),
    ],
)
async def test_a_wrong_agreement_is_refused(shared: Platform, body: Any, code: str, param: str) -> None:
    before = await shared.operate("GET", "/organization")
    status, answer = await shared.ask("POST", "/operator/v1/organization", body, key=shared.operator_key)
    assert (status, code_of(answer), answer["error"]["param"]) == (400, code, param)
    assert await shared.operate("GET", "/organization") == before


@SHARED_LOOP
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_organization_that_does_not_exist(shared: Platform, method: str) -> None:
    path = "/operator/v1/organizations/org-" + "0" * 24
    status, answer = await shared.ask(method, path, {"zdr_eligible": True}, key=shared.operator_key)
    assert (status, code_of(answer)) == (404, "not_found")
