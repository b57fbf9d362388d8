"""A project born in a region is served only there (C09 to C14)."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from openai import AuthenticationError, BadRequestError, PermissionDeniedError

from tests.e2e.conftest import RunningUp
from tests.platform.installation import IssuedKey

HELLO: Any = [{"role": "user", "content": "Say hello."}]


@pytest.mark.contract("C05")
@pytest.mark.contract("C09")
@pytest.mark.contract("C11")
@pytest.mark.parametrize("code", ["us", "eu"])
def test_a_key_gets_an_answer_in_its_own_region(up: RunningUp, us_key: IssuedKey, eu_key: IssuedKey, code: str) -> None:
    key = {"us": us_key, "eu": eu_key}[code]
    raw = up.client(code, key.secret).chat.completions.with_raw_response.create(
        model="gpt-4o-2024-08-06",
        messages=HELLO,
        max_tokens=16,
    )
    answer = raw.parse()
    assert answer.choices[0].message.content
    assert answer.model == "gpt-4o-2024-08-06"
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0
    assert raw.headers["domicile-region"] == code
    assert raw.headers["domicile-engine"] == "smollm2-135m-instruct"
    assert raw.headers["x-request-id"].startswith("req_")


@pytest.mark.contract("C12")
@pytest.mark.contract("C14")
@pytest.mark.parametrize(("home", "other"), [("eu", "us"), ("us", "eu")])
def test_a_key_of_one_region_is_useless_in_the_other(
    up: RunningUp, us_key: IssuedKey, eu_key: IssuedKey, home: str, other: str
) -> None:
    key = {"us": us_key, "eu": eu_key}[home]
    with pytest.raises(AuthenticationError) as caught:
        up.client(other, key.secret).chat.completions.create(model="gpt-4o", messages=HELLO)
    assert caught.value.status_code == 401
    assert caught.value.code == "incorrect_hostname"
    host = urlsplit(up.region_url(home)).netloc
    assert caught.value.body["message"].endswith(f"Please make your request to {host}")  # type: ignore[index]
    # The host in the message is the one where the same key works.
    assert up.client(home, key.secret).models.list().data


def test_a_key_with_a_typing_error_is_invalid_everywhere(up: RunningUp, eu_key: IssuedKey) -> None:
    last = "A" if eu_key.secret[-1] != "A" else "B"
    for code in ("us", "eu"):
        with pytest.raises(AuthenticationError) as caught:
            up.client(code, eu_key.secret[:-1] + last).models.list()
        assert caught.value.code == "invalid_api_key"
        assert eu_key.secret[:-1] not in str(caught.value)


@pytest.mark.contract("C10")
def test_a_project_never_moves(up: RunningUp, eu_key: IssuedKey) -> None:
    projects = up.admin().admin.organization.projects
    with pytest.raises(BadRequestError) as caught:
        projects.update(eu_key.project_id, extra_body={"residency": "US_STORAGE_PROCESSING"})
    assert caught.value.code == "residency_immutable"
    with pytest.raises(BadRequestError) as caught:
        projects.update(eu_key.project_id, geography="US")
    assert caught.value.code == "residency_immutable"
    # The same value again is fine, and nothing has changed.
    assert projects.update(eu_key.project_id, geography="EU").residency == "EU_STORAGE_PROCESSING"


@pytest.mark.contract("C11")
@pytest.mark.contract("C13")
def test_one_organization_holds_projects_of_both_regions_and_the_default_is_us(
    up: RunningUp, us_key: IssuedKey, eu_key: IssuedKey
) -> None:
    projects = up.admin().admin.organization.projects
    born = projects.create(name="no geography named")
    assert born.residency == "US_STORAGE_PROCESSING"
    listed = {project.id: project.residency for project in projects.list(limit=100)}
    assert listed[us_key.project_id] == "US_STORAGE_PROCESSING"
    assert listed[eu_key.project_id] == "EU_STORAGE_PROCESSING"


@pytest.mark.contract("C09")
@pytest.mark.parametrize("body", [{"residency": "GLOBAL"}, {"residency": "JP_STORAGE"}, {"geography": "MARS"}])
def test_a_geography_that_is_not_offered_is_an_error_not_a_default(up: RunningUp, body: dict[str, str]) -> None:
    with pytest.raises(BadRequestError) as caught:
        up.admin().admin.organization.projects.create(name="nowhere", extra_body=body)
    assert caught.value.code == "invalid_residency"


@pytest.mark.contract("C01")
def test_europe_needs_an_agreement_and_zdr_eligibility(up: RunningUp) -> None:
    made = up.operator("POST", "/operator/v1/organizations", {"name": "newcomers"}).json()
    admin = up.admin(made["admin_api_key"]["value"])

    def refusal() -> str:
        with pytest.raises(PermissionDeniedError) as caught:
            up.new_key("eu", admin)
        return f"{caught.value.code}: {caught.value.body['message']}"  # type: ignore[index]

    both = refusal()
    assert both.startswith("enterprise_agreement_required")
    assert "Zero Data Retention" in both
    path = f"/operator/v1/organizations/{made['id']}"
    up.operator("POST", path, {"enterprise_agreement": True})
    assert refusal().startswith("zdr_eligibility_required")
    up.operator("POST", path, {"enterprise_agreement": False, "zdr_eligible": True})
    assert refusal().startswith("enterprise_agreement_required")
    # The US asks for neither.
    us = up.new_key("us", admin)
    assert up.client("us", us.secret).models.list().data
    # With both, and the endpoint approved, Europe works.
    up.operator("POST", path, {"enterprise_agreement": True, "zdr_endpoints": "all"})
    eu = up.new_key("eu", admin)
    answer = up.client("eu", eu.secret).chat.completions.create(model="gpt-4o", messages=HELLO, max_tokens=4)
    assert answer.choices
