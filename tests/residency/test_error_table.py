"""Every row of the error table that chat and the Admin API can meet, over real HTTP: status, code, envelope (design 7)."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from domicile.kernel import api_keys
from tests.pictures import PNG_URL
from tests.platform.installation import Installation, IssuedKey
from tests.platform.processes import eventually

CHAT = "/v1/chat/completions"
MODEL = "gpt-4o-2024-08-06"


def said(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


def shown(url: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]


def check(answer: httpx2.Response, status: int, code: str | None, param: str | None = None) -> dict[str, Any]:
    """The answer is the envelope, whole, and says what it should."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"error"}
    error: dict[str, Any] = body["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["code"], error["param"]) == (code, param), error
    assert error["message"]
    assert answer.headers["x-request-id"].startswith("req_")
    assert answer.headers["content-type"] == "application/json"
    return error


@pytest.fixture
def eu(installation: Installation, eu_key: IssuedKey) -> Iterator[httpx2.Client]:
    headers = {"authorization": f"Bearer {eu_key.secret}"}
    with httpx2.Client(base_url=installation.region_url("eu"), headers=headers, timeout=20) as client:
        yield client


@pytest.fixture
def us(installation: Installation, us_key: IssuedKey) -> Iterator[httpx2.Client]:
    headers = {"authorization": f"Bearer {us_key.secret}"}
    with httpx2.Client(base_url=installation.region_url("us"), headers=headers, timeout=20) as client:
        yield client


@pytest.fixture
def admin(installation: Installation) -> Iterator[httpx2.Client]:
    key = (installation.folder / "control" / "admin.key").read_text().strip()
    with httpx2.Client(base_url=installation.control_url, headers={"authorization": f"Bearer {key}"}) as client:
        yield client


# Who asks ------------------------------------------------------------------------------------------------------------


def installation_id(installation: Installation) -> str:
    events = [json.loads(line) for line in (installation.folder / "logs" / "control.log").read_text().splitlines()]
    return next(str(event["installation"]) for event in events if "installation" in event)


def test_keys_that_are_none(installation: Installation, eu_key: IssuedKey) -> None:
    unknown = api_keys.generate("eu", installation_id(installation)).value
    wrong_checksum = eu_key.secret[:-1] + ("A" if eu_key.secret[-1] != "A" else "B")
    nowhere = api_keys.generate("mars", installation_id(installation)).value
    admin_key = (installation.folder / "control" / "admin.key").read_text().strip()
    url = f"{installation.region_url('eu')}{CHAT}"
    check(httpx2.post(url, json={}), 401, "invalid_api_key")
    for secret in ("-", "sk-eu-1short", "not a key", unknown, wrong_checksum, nowhere, admin_key):
        error = check(httpx2.post(url, headers={"authorization": f"Bearer {secret}"}, json={}), 401, "invalid_api_key")
        assert len(secret) < 16 or secret[:-4] not in error["message"]
    check(httpx2.post(url, headers={"authorization": f"Basic {eu_key.secret}"}, json={}), 401, "invalid_api_key")


def test_the_wrong_region_names_the_right_one_last(installation: Installation, eu_key: IssuedKey) -> None:
    url = f"{installation.region_url('us')}{CHAT}"
    answer = httpx2.post(url, headers={"authorization": f"Bearer {eu_key.secret}"}, json={})
    error = check(answer, 401, "incorrect_hostname")
    host = installation.region_url("eu").removeprefix("http://")
    assert error["message"] == (
        f"Attempted to access resource with incorrect regional hostname. Please make your request to {host}"
    )
    assert answer.headers["connection"] == "close"
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("header", ["OpenAI-Project", "OpenAI-Organization"])
def test_a_header_that_names_somebody_else(eu: httpx2.Client, header: str) -> None:
    check(eu.get("/v1/models", headers={header: "proj_of_somebody_else"}), 401, "mismatched_project")


def test_a_header_that_names_the_keys_own_project(eu: httpx2.Client, eu_key: IssuedKey) -> None:
    assert eu.get("/v1/models", headers={"OpenAI-Project": eu_key.project_id}).status_code == 200


# What is asked -------------------------------------------------------------------------------------------------------

REFUSED_IN_BOTH_REGIONS: list[tuple[dict[str, Any], int, str, str]] = [
    ({"model": "gpt-9", "messages": said("x")}, 404, "model_not_found", "model"),
    ({"model": "tts-1", "messages": said("x")}, 400, "model_not_eligible", "model"),
    ({"model": MODEL, "messages": said("x"), "no_such": 1}, 400, "unknown_parameter", "no_such"),
    (
        {"model": MODEL, "messages": [{"role": "user", "content": "x", "z": 1}]},
        400,
        "unknown_parameter",
        "messages[0].z",
    ),
    (
        {"model": MODEL, "messages": said("x"), "web_search_options": {}},
        400,
        "unsupported_parameter",
        "web_search_options",
    ),
    ({"model": MODEL, "messages": said("x"), "temperature": 3}, 400, "invalid_value", "temperature"),
    ({"model": MODEL, "messages": said("x"), "temperature": "hot"}, 400, "invalid_type", "temperature"),
    ({"model": MODEL}, 400, "missing_required_parameter", "messages"),
    (
        {"model": MODEL, "messages": shown("https://example.com/a.png")},
        400,
        "url_not_allowed",
        "messages[0].content[0].image_url.url",
    ),
    (
        {"model": MODEL, "messages": shown("data:image/png;base64,iVBORw0KGgo=")},
        400,
        "invalid_file",
        "messages[0].content[0].image_url.url",
    ),
]


@pytest.mark.parametrize(("body", "status", "code", "param"), REFUSED_IN_BOTH_REGIONS)
def test_a_request_that_is_refused(
    us: httpx2.Client, eu: httpx2.Client, body: dict[str, Any], status: int, code: str, param: str
) -> None:
    for region in (us, eu):
        check(region.post(CHAT, json=body), status, code, param)


def test_a_known_model_that_no_engine_is_bound_to(eu: httpx2.Client) -> None:
    check(eu.post(CHAT, json={"model": "gpt-4-0613", "messages": said("x")}), 404, "model_not_found", "model")


def test_storing_and_images_are_refused_by_each_region_for_its_own_reason(us: httpx2.Client, eu: httpx2.Client) -> None:
    stored = {"model": MODEL, "messages": said("x"), "store": True}
    check(eu.post(CHAT, json=stored), 400, "store_not_allowed", "store")
    assert us.post(CHAT, json=stored).status_code == 400
    assert eu.post(CHAT, json={**stored, "store": False}).status_code == 200
    seen = {"model": MODEL, "messages": shown(PNG_URL)}
    image = "messages[0].content[0].image_url"
    assert check(eu.post(CHAT, json=seen), 400, "enhanced_zdr_required", image)
    check(us.post(CHAT, json=seen), 400, "modality_not_supported", image)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"{", "invalid_json"),
        (b'{"model": "a", "model": "b"}', "invalid_json"),
        (b'{"model": "\xff"}', "invalid_json"),
        (b'{"temperature": NaN}', "invalid_json"),
        (b'{"messages": ' + b"[" * 200 + b"]" * 200 + b"}", "invalid_json"),
        (b'{"model": "\\ud800"}', "invalid_json"),
        (b'{"seed": 123456789012345678901234567890}', "invalid_json"),
    ],
)
def test_bodies_that_are_not_json(eu: httpx2.Client, content: bytes, code: str) -> None:
    check(eu.post(CHAT, content=content, headers={"content-type": "application/json"}), 400, code)


def test_wrong_type_wrong_size_wrong_place(eu: httpx2.Client) -> None:
    answer = eu.post(CHAT, json=[1])
    assert answer.status_code == 400
    check(
        eu.post(CHAT, content=b"a=1", headers={"content-type": "application/x-www-form-urlencoded"}),
        415,
        "unsupported_media_type",
    )
    large = {"model": MODEL, "messages": said("x" * (21 * 1024 * 1024))}
    check(eu.post(CHAT, json=large), 413, "request_too_large")
    check(eu.get("/v1/no/such/url"), 404, "unknown_url")
    check(eu.delete(CHAT), 405, "method_not_allowed")
    check(httpx2.get(f"{eu.base_url}/v1/no/such/url"), 401, "invalid_api_key")
    check(eu.get("/v1/models/gpt-9"), 404, "model_not_found", "model")


# Agreements ----------------------------------------------------------------------------------------------------------


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
def test_an_agreement_that_was_withdrawn_closes_europe_and_not_the_us(
    installation: Installation, withdrawn: dict[str, Any], code: str
) -> None:
    made = installation.operator("POST", "/operator/v1/organizations", {"name": "withdrawn"})
    path = f"/operator/v1/organizations/{made['id']}"
    granted = {"enterprise_agreement": True, "zdr_eligible": True, "zdr_endpoints": "all"}
    installation.operator("POST", path, granted)
    admin = installation.admin(made["admin_api_key"]["value"])
    keys = {region: installation.new_key(region, admin=admin).secret for region in ("us", "eu")}
    body = {"model": MODEL, "messages": said("x")}

    def ask(region: str) -> httpx2.Response:
        url = f"{installation.region_url(region)}{CHAT}"
        return httpx2.post(url, headers={"authorization": f"Bearer {keys[region]}"}, json=body)

    assert ask("eu").status_code == 200
    installation.operator("POST", path, withdrawn)
    check(ask("eu"), 403, code)
    assert ask("us").status_code == 200
    installation.operator("POST", path, granted)
    assert ask("eu").status_code == 200


# Engines -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "status", "code", "param", "retry_after"),
    [
        ("400", 400, "engine_refused", None, None),
        ("context", 400, "context_length_exceeded", "messages", None),
        ("401", 503, "engine_misconfigured", None, None),
        ("404", 503, "engine_misconfigured", None, None),
        ("429", 503, "engine_unavailable", None, "3"),
        ("500", 503, "engine_unavailable", None, "1"),
        ("garbage", 503, "engine_unavailable", None, "1"),
        ("hang", 504, "engine_timeout", None, "1"),
    ],
)
def test_what_an_engine_does_wrong(
    eu: httpx2.Client, command: str, status: int, code: str, param: str | None, retry_after: str | None
) -> None:
    body = {"model": MODEL, "messages": said(f"do:{command}")}
    for streaming in (False, True):
        if streaming and command == "garbage":
            continue
        # An answer is what shows that the engine is in use, and ends what earlier failures count for.
        eventually(lambda: eu.post(CHAT, json={"model": MODEL, "messages": said("hello")}).status_code == 200)
        answer = eu.post(CHAT, json={**body, "stream": streaming})
        error = check(answer, status, code, param)
        assert "internal" not in error["message"], "an engine's own words stay inside"
        assert answer.headers.get("retry-after") == retry_after


def test_an_error_after_the_first_byte_is_an_event(eu: httpx2.Client) -> None:
    answer = eu.post(CHAT, json={"model": MODEL, "messages": said("do:break"), "stream": True})
    assert answer.status_code == 200
    events = [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
    assert json.loads(events[-1])["error"]["code"] == "engine_unavailable"
    assert "[DONE]" not in events


# Browsers ------------------------------------------------------------------------------------------------------------


def test_any_page_may_ask_a_region_and_none_the_control_plane(
    installation: Installation, eu: httpx2.Client, admin: httpx2.Client
) -> None:
    asked = {
        "origin": "https://example.com",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, x-stainless-lang",
    }
    preflight = httpx2.options(f"{installation.region_url('eu')}{CHAT}", headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert preflight.headers["access-control-allow-headers"] == "authorization, x-stainless-lang"
    assert "access-control-allow-credentials" not in preflight.headers
    assert eu.get("/v1/models").headers["access-control-allow-origin"] == "*"
    assert eu.get("/v1/models/none").headers["access-control-allow-origin"] == "*"
    for answer in (admin.get("/v1/organization/projects"), admin.options("/v1/organization/projects", headers=asked)):
        assert not [name for name in answer.headers if name.startswith("access-control")]


# The Admin API -------------------------------------------------------------------------------------------------------


def test_keys_that_the_admin_api_refuses(installation: Installation, eu_key: IssuedKey) -> None:
    url = f"{installation.control_url}/v1/organization/projects"
    check(httpx2.get(url), 401, "invalid_api_key")
    check(httpx2.get(url, headers={"authorization": "Bearer sk-admin-1wrong"}), 401, "invalid_api_key")
    check(httpx2.get(url, headers={"authorization": f"Bearer {eu_key.secret}"}), 403, "admin_key_required")
    operator = (installation.folder / "control" / "operator.key").read_text().strip()
    check(httpx2.get(url, headers={"authorization": f"Bearer {operator}"}), 401, "invalid_api_key")


@pytest.mark.contract("C09")
@pytest.mark.contract("C10")
@pytest.mark.parametrize(
    ("path", "body", "status", "code", "param"),
    [
        ("", {"name": "x", "residency": "GLOBAL"}, 400, "invalid_residency", "residency"),
        ("", {"name": "x", "residency": "EU_STORAGE"}, 400, "invalid_residency", "residency"),
        ("", {"name": "x", "geography": "MARS"}, 400, "invalid_residency", "geography"),
        ("", {"name": "x", "no_such": 1}, 400, "unknown_parameter", "no_such"),
        ("", {"name": 1}, 400, "invalid_type", "name"),
        ("", {}, 400, "missing_required_parameter", "name"),
        ("/proj_none", {"name": "x"}, 404, "not_found", None),
        ("/proj_none/archive", {}, 404, "not_found", None),
    ],
)
def test_a_change_that_is_refused(
    admin: httpx2.Client, path: str, body: dict[str, Any], status: int, code: str, param: str | None
) -> None:
    check(admin.post(f"/v1/organization/projects{path}", json=body), status, code, param)


def test_both_fields_for_one_thing(admin: httpx2.Client) -> None:
    body = {"name": "x", "residency": "EU_STORAGE_PROCESSING", "geography": "EU"}
    answer = admin.post("/v1/organization/projects", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_residency"


def test_a_move_is_refused_and_the_same_value_is_fine(admin: httpx2.Client, eu_key: IssuedKey) -> None:
    path = f"/v1/organization/projects/{eu_key.project_id}"
    for body in ({"residency": "US_STORAGE_PROCESSING"}, {"geography": "us"}):
        answer = admin.post(path, json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "residency_immutable")
    assert admin.post(path, json={"residency": "EU_STORAGE_PROCESSING"}).status_code == 200


def test_another_organizations_project_looks_like_none(installation: Installation, eu_key: IssuedKey) -> None:
    made = installation.operator("POST", "/operator/v1/organizations", {"name": "other"})
    headers = {"authorization": f"Bearer {made['admin_api_key']['value']}"}
    url = f"{installation.control_url}/v1/organization/projects"
    theirs = check(httpx2.get(f"{url}/{eu_key.project_id}", headers=headers), 404, "not_found")
    nobodys = check(httpx2.get(f"{url}/proj_{'0' * 24}", headers=headers), 404, "not_found")
    assert theirs["message"].replace(eu_key.project_id, "") == nobodys["message"].replace(f"proj_{'0' * 24}", "")


def test_bodies_and_places_that_the_admin_api_refuses(admin: httpx2.Client) -> None:
    url = "/v1/organization/projects"
    json_type = {"content-type": "application/json"}
    check(admin.post(url, content=b"{", headers=json_type), 400, "invalid_json")
    check(admin.post(url, content=b'{"name": "a", "name": "b"}', headers=json_type), 400, "invalid_json")
    check(admin.post(url, content=b"x", headers={"content-type": "text/plain"}), 415, "unsupported_media_type")
    check(
        admin.post(url, content=b'{"name": "' + b"x" * 5_000_000 + b'"}', headers=json_type), 413, "request_too_large"
    )
    check(admin.put(url, json={}), 405, "method_not_allowed")
    check(admin.get("/v1/organization/nothing"), 404, "unknown_url")
