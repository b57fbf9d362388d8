"""What each command asks of the platform, and what it shows."""

import json

import pytest

from tests.component.cli.conftest import ADMIN_KEY, OPERATOR_KEY, Domicile, Stub

PROJECTS = "/v1/organization/projects"
PROJECT = {
    "id": "proj_1",
    "name": "hello",
    "region": "eu",
    "residency": "EU_STORAGE_PROCESSING",
    "status": "active",
    "created_at": 1700000000,
}
ORGANIZATION = {
    "id": "org-1",
    "name": "Acme",
    "enterprise_agreement": True,
    "zdr_eligible": False,
    "zdr_endpoints": ["/v1/chat/completions"],
    "enhanced_zdr": False,
    "retention": "modified_abuse_monitoring",
    "created_at": 1700000000,
}
REGION = {
    "code": "eu",
    "public_url": "http://127.0.0.1:8702",
    "residency": "EU_STORAGE_PROCESSING",
    "requires": ["enterprise", "zdr"],
    "enrolled": True,
    "root_key": "pk_1",
    "root_key_is_current": True,
    "replicas": [{"id": "rep_1", "last_contact_age_seconds": 1.2}],
}
ACCOUNT = {
    "id": "svc_1",
    "name": "laptop",
    "api_key": {"id": "key_1", "name": "Secret Key", "value": "sk-eu-1secret", "expires_at": None},
}


def page(*things: object, has_more: bool = False, last_id: str | None = None) -> dict[str, object]:
    return {"object": "list", "data": list(things), "has_more": has_more, "last_id": last_id}


def test_projects_are_listed_over_all_pages_with_the_admin_key(domicile: Domicile, stub: Stub) -> None:
    stub.answer("GET", PROJECTS, page(PROJECT, has_more=True, last_id="proj_1"))
    stub.answer("GET", PROJECTS, page(PROJECT | {"id": "proj_2", "name": "more"}))
    shown = domicile("projects", "list")
    assert shown.status == 0
    assert "proj_1" in shown.out
    assert "2023-11-14 22:13 UTC" in shown.out
    assert "proj_2" in shown.out
    assert [call.query.get("after") for call in stub.calls] == [None, "proj_1"]
    assert {call.key for call in stub.calls} == {ADMIN_KEY}


def test_json_is_the_platforms_own_answer(domicile: Domicile, stub: Stub) -> None:
    stub.answer("GET", PROJECTS, page(PROJECT))
    assert json.loads(domicile("projects", "list", "--archived", "--json").out) == [PROJECT]
    assert stub.calls[0].query["include_archived"] == "true"


@pytest.mark.contract("C09")
def test_a_project_is_created_where_it_is_said_to_live(domicile: Domicile, stub: Stub) -> None:
    stub.answer("POST", PROJECTS, PROJECT)
    assert domicile("projects", "create", "--name", "hello", "--residency", "EU_STORAGE_PROCESSING").status == 0
    assert stub.calls[0].body == {"name": "hello", "residency": "EU_STORAGE_PROCESSING"}


def test_a_project_is_made_under_an_external_key(domicile: Domicile, stub: Stub) -> None:
    key = "extkey_" + "1" * 24
    stub.answer("POST", "/v1/organization/projects", PROJECT)
    assert domicile("projects", "create", "--name", "hello", "--external-key", key).status == 0
    assert stub.calls[0].body == {"name": "hello", "external_key_id": key}


def test_a_regions_code_is_as_good_as_its_residency(domicile: Domicile, stub: Stub) -> None:
    stub.answer("GET", "/operator/v1/regions", page(REGION))
    stub.answer("POST", PROJECTS, PROJECT)
    assert domicile("projects", "create", "--name", "hello", "--region", "eu", "--quiet").out == "proj_1\n"
    assert [call.key for call in stub.calls] == [OPERATOR_KEY, ADMIN_KEY]
    assert stub.calls[1].body == {"name": "hello", "residency": "EU_STORAGE_PROCESSING"}


def test_an_unknown_region_is_refused_with_those_there_are(domicile: Domicile, stub: Stub) -> None:
    stub.answer("GET", "/operator/v1/regions", page(REGION))
    refused = domicile("projects", "create", "--name", "hello", "--region", "mars")
    assert (refused.status, refused.err) == (1, "domicile: there is no region 'mars'. The regions are: eu.\n")


@pytest.mark.contract("C11")
def test_a_project_without_a_place_is_left_to_the_platform(domicile: Domicile, stub: Stub) -> None:
    stub.answer("POST", PROJECTS, PROJECT)
    domicile("projects", "create", "--name", "hello")
    assert stub.calls[0].body == {"name": "hello"}


def test_get_and_archive_name_the_project_in_the_path(domicile: Domicile, stub: Stub) -> None:
    stub.answer("GET", f"{PROJECTS}/proj_1", PROJECT)
    stub.answer("POST", f"{PROJECTS}/proj_1/archive", PROJECT | {"status": "archived"})
    assert "active" in domicile("projects", "get", "proj_1").out
    assert "archived" in domicile("projects", "archive", "proj_1", "--yes").out


def test_what_somebody_types_stays_one_part_of_the_path(domicile: Domicile, stub: Stub) -> None:
    domicile("projects", "get", "../admin_api_keys?x=/y")
    assert stub.calls[0].path == f"{PROJECTS}/..%2Fadmin_api_keys%3Fx%3D%2Fy"


def test_a_key_comes_with_a_service_account_and_is_shown_here(domicile: Domicile, stub: Stub) -> None:
    stub.answer("POST", f"{PROJECTS}/proj_1/service_accounts", ACCOUNT)
    made = domicile("keys", "create", "--project", "proj_1", "--name", "laptop", "--expires-in", "30d")
    assert stub.calls[0].body == {"name": "laptop", "expires_in_seconds": 30 * 86400}
    assert "sk-eu-1secret" in made.out
    assert "laptop" in made.out
    assert "not shown again" in made.err


def test_quiet_prints_the_key_alone(domicile: Domicile, stub: Stub) -> None:
    stub.answer("POST", f"{PROJECTS}/proj_1/service_accounts", ACCOUNT)
    assert domicile("keys", "create", "--project", "proj_1", "--name", "x", "--quiet").out == "sk-eu-1secret\n"


@pytest.mark.parametrize("text", ["", "d", "30 d", "-1d", "1y", "1.5h", "٣d"])
def test_a_time_that_is_none_is_a_usage_error(domicile: Domicile, stub: Stub, text: str) -> None:
    refused = domicile("keys", "create", "--project", "proj_1", "--name", "x", f"--expires-in={text}")
    assert refused.status == 2
    assert "30d" in refused.err
    assert not stub.calls


@pytest.mark.parametrize(("text", "seconds"), [("45", 45), ("45s", 45), ("90m", 5400), ("12h", 43200), ("2d", 172800)])
def test_times(domicile: Domicile, stub: Stub, text: str, seconds: int) -> None:
    stub.answer("POST", f"{PROJECTS}/proj_1/service_accounts", ACCOUNT)
    domicile("keys", "create", "--project", "proj_1", "--name", "x", "--expires-in", text)
    assert stub.calls[0].body["expires_in_seconds"] == seconds


def test_keys_are_listed_by_the_name_that_somebody_gave(domicile: Domicile, stub: Stub) -> None:
    key = {
        "id": "key_1",
        "name": "Secret Key",
        "redacted_value": "sk-eu-...cret",
        "created_at": 1700000000,
        "owner": {"service_account": {"name": "laptop"}},
    }
    stub.answer("GET", f"{PROJECTS}/proj_1/api_keys", page(key))
    shown = domicile("keys", "list", "--project", "proj_1").out
    assert "laptop" in shown
    assert "sk-eu-...cret" in shown


def test_a_key_is_deleted(domicile: Domicile, stub: Stub) -> None:
    stub.answer("DELETE", f"{PROJECTS}/proj_1/api_keys/key_1", {"id": "key_1", "deleted": True})
    assert "yes" in domicile("keys", "delete", "key_1", "--project", "proj_1").out


def test_organizations_are_the_operators(domicile: Domicile, stub: Stub) -> None:
    stub.answer("GET", "/operator/v1/organizations", page(ORGANIZATION))
    stub.answer("GET", "/operator/v1/organization", ORGANIZATION)
    stub.answer("GET", "/operator/v1/organizations/org-1", ORGANIZATION)
    assert "Acme" in domicile("org", "list").out
    assert "/v1/chat/completions" in domicile("org", "show").out
    assert domicile("org", "show", "org-1").status == 0
    assert {call.key for call in stub.calls} == {OPERATOR_KEY}


def test_a_new_organizations_admin_key_is_shown_here(domicile: Domicile, stub: Stub) -> None:
    made = ORGANIZATION | {"admin_api_key": {"id": "key_9", "value": "sk-admin-1new"}}
    stub.answer("POST", "/operator/v1/organizations", made)
    stub.answer("POST", "/operator/v1/organizations", made)
    assert "sk-admin-1new" in domicile("org", "create", "--name", "Acme").out
    assert domicile("org", "create", "--name", "Acme", "--quiet").out == "sk-admin-1new\n"
    assert stub.calls[0].body == {"name": "Acme"}


@pytest.mark.contract("C01")
@pytest.mark.parametrize(
    ("options", "body"),
    [
        (["--enterprise-agreement"], {"enterprise_agreement": True}),
        (["--no-enterprise-agreement", "--no-zdr"], {"enterprise_agreement": False, "zdr_eligible": False}),
        (["--zdr", "--zdr-endpoints", "all"], {"zdr_eligible": True, "zdr_endpoints": "all"}),
        (["--zdr-endpoints", "none"], {"zdr_endpoints": []}),
        (["--zdr-endpoints", "/v1/a, /v1/b"], {"zdr_endpoints": ["/v1/a", "/v1/b"]}),
        (["--enhanced-zdr"], {"enhanced_zdr": True}),
    ],
)
def test_only_what_is_named_is_set(domicile: Domicile, stub: Stub, options: list[str], body: object) -> None:
    stub.answer("POST", "/operator/v1/organization", ORGANIZATION)
    assert domicile("org", "set", *options).status == 0
    assert stub.calls[0].body == body


def test_setting_nothing_is_a_usage_error(domicile: Domicile, stub: Stub) -> None:
    refused = domicile("org", "set")
    assert refused.status == 2
    assert "--enterprise-agreement" in refused.err
    assert not stub.calls


def test_regions_and_their_replicas(domicile: Domicile, stub: Stub) -> None:
    stub.answer("GET", "/operator/v1/regions", page(REGION, REGION | {"code": "us", "enrolled": False, "replicas": []}))
    shown = domicile("regions", "list").out
    assert "1 (last heard of 1 s ago)" in shown
    assert "enterprise, zdr" in shown
    assert "none" in shown


def test_the_enrollment_token_is_alone_on_standard_output(domicile: Domicile, stub: Stub) -> None:
    stub.answer(
        "POST", "/operator/v1/regions/eu/enrollment_tokens", {"token": "domicile-enroll-1x", "expires_at": 1700000000}
    )
    made = domicile("regions", "enroll", "eu")
    assert made.out == "domicile-enroll-1x\n"
    assert "2023-11-14 22:13 UTC" in made.err


def test_models_are_asked_of_the_region_with_the_projects_key(
    domicile: Domicile, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOMICILE_API_KEY", "sk-eu-1project")
    stub.answer(
        "GET", "/v1/models", {"data": [{"id": "gpt-4o", "owned_by": "system", "domicile": {"engines": ["small"]}}]}
    )
    shown = domicile("models", "--region", "eu")
    assert "small" in shown.out
    assert stub.calls[0].key == "sk-eu-1project"


def test_a_name_cannot_steer_the_terminal(domicile: Domicile, stub: Stub) -> None:
    stub.answer("GET", f"{PROJECTS}/proj_1", PROJECT | {"name": "\x1b[2J[bold]evil\nline"})
    assert "?[2J[bold]evil?line" in domicile("projects", "get", "proj_1").out


def test_an_empty_list_says_what_to_do(domicile: Domicile, stub: Stub) -> None:
    stub.answer("GET", PROJECTS, page())
    assert domicile("projects", "list").out == "There is no project. Create one with 'domicile projects create'.\n"


def test_retention_is_shown_and_set_with_the_admin_key(domicile: Domicile, stub: Stub) -> None:
    of_organization, of_project = "/v1/organization/data_retention", f"{PROJECTS}/proj_1/data_retention"
    for path, noun in ((of_organization, "organization.data_retention"), (of_project, "project.data_retention")):
        stub.answer("GET", path, {"object": noun, "type": "modified_abuse_monitoring"})
        stub.answer("POST", path, {"object": noun, "type": "zero_data_retention"})
    for command in (("org", "retention"), ("projects", "retention", "proj_1")):
        assert "modified_abuse_monitoring" in domicile(*command).out
        assert "zero_data_retention" in domicile(*command, "zero_data_retention").out
    assert [call.body for call in stub.calls] == [None, {"retention_type": "zero_data_retention"}] * 2
    assert {call.key for call in stub.calls} == {ADMIN_KEY}


def test_a_retention_that_is_refused_says_what_to_do(domicile: Domicile, stub: Stub) -> None:
    error = {"code": "zdr_eligibility_required", "message": "Ask the operator.", "param": "retention_type", "type": "x"}
    stub.answer("POST", "/v1/organization/data_retention", {"error": error}, status=403)
    refused = domicile("org", "retention", "zero_data_retention")
    assert refused.status != 0
    assert "Ask the operator. (zdr_eligibility_required, HTTP 403)" in refused.err


ENTITLEMENT = {
    "id": "ent_1",
    "project_id": "proj_1",
    "model": "gpt-4o-2024-08-06",
    "status": "active",
    "input_units": 2,
    "output_units": 3,
    "input_tokens_per_minute": 1_000,
    "output_tokens_per_minute": 100,
    "starts_at": 1_700_000_000,
    "ends_at": 1_700_086_400,
}
SOLD = "/operator/v1/entitlements"


def test_units_are_sold_listed_and_ended_by_the_operator(domicile: Domicile, stub: Stub) -> None:
    for method, path in (("POST", SOLD), ("DELETE", f"{SOLD}/ent_1")):
        stub.answer(method, path, ENTITLEMENT)
    stub.answer("GET", SOLD, page(ENTITLEMENT))
    options = ("--project", "proj_1", "--model", "gpt-4o-2024-08-06", "--input-units", "2", "--output-units", "3")
    sold = domicile("tier", "sell", *options, "--days", "30", "--input-price", "124.59", "--quiet")
    assert (sold.status, sold.out.strip()) == (0, "ent_1")
    body = stub.calls[0].body
    assert (body["input_units"], body["output_units"]) == (2, 3)
    assert (body["input_unit_nanodollars_per_day"], body["output_unit_nanodollars_per_day"]) == (124_590_000_000, 0)
    assert "2023-11-14 22:13 UTC" in domicile("tier", "list", "--project", "proj_1").out
    assert stub.calls[1].query["project_id"] == "proj_1"
    assert domicile("tier", "end", "ent_1").status == 0
    assert {call.key for call in stub.calls} == {OPERATOR_KEY}


def test_the_tiers_report_shows_by_day_what_came_of_what_was_sold(domicile: Domicile, stub: Stub) -> None:
    level = {
        "start_time": 1_699_920_000,
        "end_time": 1_700_006_400,
        "num_model_requests": 1_000,
        "failed_requests": 1,
        "availability": 0.999,
        # In force for 6,400 s of this day.
        "input_tokens": 26_667,
        "output_tokens": 1_067,
        "tokens_per_second": 48.25,
        "first_token_p50_ms": 210,
        "first_token_p99_ms": None,
    }
    for _ in range(2):
        stub.answer("GET", SOLD, page(ENTITLEMENT))
        stub.answer("GET", f"{SOLD}/ent_1/service_levels", page(level))
    shown = domicile("tier", "report", "--days", "3")
    assert shown.status == 0
    cells = shown.out.strip().splitlines()[-1].split()
    assert cells[:3] == ["2023-11-14", "00:00", "UTC"]
    assert cells[3:] == [
        *("proj_1", "gpt-4o-2024-08-06", "2", "3", "25.0%", "10.0%", "1000", "99.900%", "48.2", "210", "ms", "-")
    ]
    assert json.loads(domicile("tier", "report", "--json").out) == [level]


def test_a_report_without_requests_says_so(domicile: Domicile, stub: Stub) -> None:
    stub.answer("GET", SOLD, page())
    assert "No request has run in the scale tier" in domicile("tier", "report").out
