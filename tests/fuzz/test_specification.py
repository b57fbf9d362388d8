"""schemathesis over every served operation of the official specification, against real processes."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode, openapi
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    status_code_conformance,
)

from tests.fuzz.answers import check_answer
from tests.fuzz.endpoints import ALERT, LIMIT, new_alert, new_batch, new_file_and_upload
from tests.fuzz.specification.cut import SUBSET
from tests.platform.installation import Installation, IssuedKey
from tests.recordings import LEISURE

QUICK = 6
LONG = 400
# A chat request takes long to invent: its schema reaches half of the specification's.
QUICK_CHAT = 4
LONG_CHAT = 120

# The specification names hardly any error; and what it allows, a region may refuse.
NOT_CHECKED = [status_code_conformance, positive_data_acceptance]


def specification() -> Any:
    whole = json.loads(SUBSET.read_text("utf-8"))
    # A purpose that a file may be uploaded for, and that the specification forgets where it describes the file.
    whole["components"]["schemas"]["OpenAIFile"]["properties"]["purpose"]["enum"].append("evals")
    # Members that a batch does not have yet are null, as in the specification's own example.
    schemas = whole["components"]["schemas"]
    for name in ("Batch", "ListBatchesResponse"):
        for member, schema in schemas[name]["properties"].items():
            if member not in schemas[name]["required"] and "type" in schema:
                schema["type"] = [schema["type"], "null"]
    return openapi.from_dict(whole)


Operation = APIOperation[Any, Any, Any, Any]
OPERATIONS: list[Operation] = [found.ok() for found in specification().get_all_operations()]


@dataclass
class Target:
    """Where operations are tried, on behalf of whom, and with objects that exist."""

    base_url: str
    headers: dict[str, str]
    objects: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def target(request: pytest.FixtureRequest, installation: Installation, us_key: IssuedKey, admin_key: str) -> Target:
    operation: Operation = request.getfixturevalue("operation")
    if not operation.path.startswith("/organization"):
        bearer = {"Authorization": f"Bearer {us_key.secret}"}
        found = {"model": "gpt-4o-2024-08-06"}
        if operation.path.startswith(("/files", "/uploads")):
            found |= new_file_and_upload(installation.client("us", us_key.secret))
        if operation.path.startswith("/batches"):
            found |= new_batch(installation.client("us", us_key.secret))
        return Target(f"{installation.region_url('us')}/v1", bearer, found)
    if "/spend_" in operation.path:
        # Of an organization of its own: a limit of a cent would end all other tests.
        made_for = installation.operator("POST", "/operator/v1/organizations", {"name": "spender"})
        admin_key = made_for["admin_api_key"]["value"]
    admin = installation.admin(admin_key)
    bearer = {"Authorization": f"Bearer {admin_key}"}
    made = installation.new_key("us", admin=admin)
    objects = {"project_id": made.project_id, "service_account_id": made.service_account_id, "api_key_id": made.key_id}
    objects["rate_limit_id"] = "rl_gpt-4o-2024-08-06"
    if "spend_limit" in operation.path:
        admin.admin.organization.spend_limit.update(**LIMIT)
        admin.admin.organization.projects.spend_limit.update(made.project_id, **LIMIT)
    if "{alert_id}" in operation.path:
        objects["alert_id"] = new_alert(admin, made.project_id if "{project_id}" in operation.path else None)
    if "{key_id}" in operation.path:
        keys = admin.admin.organization.admin_api_keys
        objects["key_id"] = keys.create(name="to be read or deleted").id
    return Target(f"{installation.control_url}/v1", bearer, objects)


USAGE = [
    str(operation.label)
    for operation in OPERATIONS
    if operation.path.startswith(("/organization/usage/", "/organization/costs"))
]
# Here schemathesis calls `?models=1` a number where a string must stand. In a query everything is a string.
LISTS_OF_ANY_STRING = {"GET /organization/audit_logs", *USAGE}
# In a form everything is a string, too.
FORMS = {
    "POST /audio/transcriptions",
    "POST /audio/translations",
    "POST /files",
    "POST /uploads/{upload_id}/parts",
}
# Like OpenAI's own service they answer sound as sound, subtitles as text and files as bytes, where the specification knows
# only JSON or text.
NAMED_MORE_CLOSELY = {
    "POST /audio/speech",
    "POST /audio/transcriptions",
    "POST /audio/translations",
    "GET /files/{file_id}/content",
}


def unchecked(label: str) -> list[Any]:
    return [content_type_conformance] if label in NAMED_MORE_CLOSELY else []


def examples_of(operation: Operation, *, long: bool) -> int:
    if operation.path == "/chat/completions":
        return LONG_CHAT if long else QUICK_CHAT
    return LONG if long else QUICK


def run(operation: Operation, target: Target, mode: GenerationMode, count: int, **fixed: Any) -> Counter[int]:
    """How often each status was answered. Fails on the first answer that breaks a rule."""
    seen: Counter[int] = Counter()
    not_checked = [*NOT_CHECKED, *unchecked(named(operation))]
    if named(operation) in {*LISTS_OF_ANY_STRING, *FORMS}:
        not_checked.append(negative_data_rejection)

    @settings(
        max_examples=count,
        deadline=None,
        derandomize=count <= QUICK,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode, **fixed))
    def attempt(case: Any) -> None:
        answer = case.call_and_validate(
            base_url=target.base_url, headers=target.headers, excluded_checks=not_checked, timeout=20
        )
        headers = {name: values[0] for name, values in answer.headers.items()}
        check_answer(answer.status_code, headers, answer.content, headless=case.method == "HEAD")
        seen[answer.status_code] += 1

    attempt()
    return seen


def named(operation: Operation) -> str:
    return str(operation.label)


@pytest.fixture(params=OPERATIONS, ids=named)
def operation(request: pytest.FixtureRequest) -> Operation:
    found: Operation = request.param
    return found


def test_what_the_specification_allows(operation: Operation, target: Target) -> None:
    count = examples_of(operation, long=False)
    seen = run(operation, target, GenerationMode.POSITIVE, count, path_parameters=path_parameters(operation, target))
    assert sum(seen.values())


def test_what_the_specification_forbids(operation: Operation, target: Target) -> None:
    seen = run(operation, target, GenerationMode.NEGATIVE, examples_of(operation, long=False))
    assert any(400 <= status < 500 for status in seen), seen


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["allowed", "forbidden"])
def test_much_of_what_the_specification_allows_and_forbids(
    operation: Operation, target: Target, mode: GenerationMode
) -> None:
    run(operation, target, mode, examples_of(operation, long=True))


# A plain request for each operation that takes a body.
BODIES: dict[str, dict[str, Any]] = {
    "POST /chat/completions": {
        "model": "gpt-4o-2024-08-06",
        "messages": [{"role": "user", "content": "hello"}],
        "n": 2,
    },
    "POST /completions": {"model": "gpt-3.5-turbo-instruct", "prompt": ["hello", "there"]},
    "POST /audio/speech": {"model": "tts-1", "input": "hello", "voice": "alloy"},
    "POST /audio/transcriptions": {"model": "whisper-1", "file": LEISURE.content, "prompt": "hello"},
    "POST /audio/translations": {"model": "whisper-1", "file": LEISURE.content, "prompt": "hello"},
    "POST /embeddings": {"model": "text-embedding-3-small", "input": ["hello", "there"]},
    "POST /organization/projects/{project_id}/model_permissions": {"mode": "deny_list", "model_ids": ["gpt-4-0613"]},
    "POST /files": {"purpose": "batch", "file": b"content"},
    "POST /uploads": {"filename": "a.jsonl", "purpose": "batch", "bytes": 7, "mime_type": "application/jsonl"},
    "POST /uploads/{upload_id}/parts": {"data": b"content"},
    "POST /images/generations": {"model": "dall-e-3", "prompt": "hello", "response_format": "b64_json"},
    "POST /moderations": {"model": "omni-moderation-latest", "input": ["hello", "there"]},
    "POST /organization/admin_api_keys": {"name": "second", "expires_in_seconds": 3600},
    "POST /organization/projects": {"name": "new", "residency": "US_STORAGE_PROCESSING"},
    "POST /organization/projects/{project_id}": {"name": "renamed"},
    "POST /organization/projects/{project_id}/service_accounts": {"name": "second"},
    "POST /organization/projects/{project_id}/service_accounts/{service_account_id}": {"name": "renamed"},
    "POST /organization/projects/{project_id}/service_accounts/{service_account_id}/api_keys": {"name": "second"},
    "POST /organization/spend_limit": LIMIT,
    "POST /organization/projects/{project_id}/spend_limit": LIMIT,
    "POST /organization/spend_alerts": ALERT,
    "POST /organization/spend_alerts/{alert_id}": ALERT,
    "POST /organization/projects/{project_id}/spend_alerts": ALERT,
    "POST /organization/projects/{project_id}/spend_alerts/{alert_id}": ALERT,
    "POST /organization/data_retention": {"retention_type": "modified_abuse_monitoring"},
    "POST /organization/projects/{project_id}/data_retention": {"retention_type": "modified_abuse_monitoring"},
}
QUERIES: dict[str, dict[str, Any]] = {label: {"start_time": 0} for label in USAGE}


def path_parameters(operation: Operation, target: Target) -> dict[str, str]:
    return {parameter.name: target.objects[parameter.name] for parameter in operation.path_parameters}


def test_answers_about_objects_that_exist(operation: Operation, target: Target) -> None:
    """Every one of them is 200, of the form that the specification gives."""
    label = named(operation)
    media_type = "multipart/form-data" if label in FORMS else "application/json"
    body = BODIES.get(label)
    if label == "POST /batches":
        body = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}
        body["input_file_id"] = target.objects["input_file_id"]
    if label == "POST /uploads/{upload_id}/complete":
        body = {"part_ids": [target.objects["part_id"]]}
    given_body: dict[str, Any] = {} if body is None else {"body": body, "media_type": media_type}
    case = operation.Case(
        path_parameters=path_parameters(operation, target), query=QUERIES.get(label, {}), **given_body
    )
    answer = case.call_and_validate(
        base_url=target.base_url, headers=target.headers, excluded_checks=[status_code_conformance, *unchecked(label)]
    )
    # A batch may have ended before it is cancelled.
    expected = {200, 409} if label == "POST /batches/{batch_id}/cancel" else {200}
    assert answer.status_code in expected, answer.text


def test_every_kind_of_event_is_told_in_the_specifications_words(installation: Installation) -> None:
    """What the operator and the platform do stands in a customer's log too: under types and actors that clients know."""
    made = installation.operator("POST", "/operator/v1/organizations", {"name": "of its own"})
    admin_key = made["admin_api_key"]["value"]
    agreed = {"enterprise_agreement": True, "zdr_eligible": True, "zdr_endpoints": "all", "enhanced_zdr": True}
    installation.operator("POST", f"/operator/v1/organizations/{made['id']}", agreed)
    administration = installation.admin(admin_key)
    issued = installation.new_key("eu", admin=administration)
    administration.admin.organization.projects.archive(issued.project_id)
    installation.operator("POST", f"/operator/v1/projects/{issued.project_id}/destroy")
    installation.operator("DELETE", f"/operator/v1/projects/{issued.project_id}/destroy")
    operation = next(each for each in OPERATIONS if named(each) == "GET /organization/audit_logs")
    answer = operation.Case(query={"limit": 100}).call_and_validate(
        base_url=f"{installation.control_url}/v1", headers={"Authorization": f"Bearer {admin_key}"}
    )
    events = answer.json()["data"]
    assert {event["domicile"]["type"] for event in events} >= {
        "organization.created",
        "organization.updated",
        "project.destruction_requested",
        "project.destruction_cancelled",
    }
    assert {event["actor"] and event["actor"]["type"] for event in events} == {None, "api_key"}
