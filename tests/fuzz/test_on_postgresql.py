"""The same attacks where the control plane keeps its rows in PostgreSQL, which holds no NUL and is strict about types."""

import json
from collections.abc import Iterator

import httpx2
import pytest

from tests.fuzz import damaged_bodies, hostile_requests
from tests.fuzz.answers import check_answer
from tests.fuzz.endpoints import POSTS, VALID, Endpoint, Targets
from tests.platform.installation import Installation
from tests.platform.postgresql import PostgresServer

CHANGES = [endpoint for endpoint in POSTS if endpoint.path in VALID and endpoint.listener == "control"]


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory, postgresql: PostgresServer) -> Iterator[Targets]:
    running = Installation(tmp_path_factory.mktemp("postgresql"), database_urls=postgresql.planes("control"))
    try:
        yield Targets.of(running.start())
        running.processes["control"].check()
    finally:
        running.stop()


@pytest.mark.parametrize("endpoint", CHANGES, ids=str)
def test_a_damaged_body(endpoint: Endpoint, targets: Targets) -> None:
    assert damaged_bodies.attack(endpoint, targets, damaged_bodies.QUICK)


def test_a_hostile_request(targets: Targets) -> None:
    assert hostile_requests.attack("control", targets, hostile_requests.QUICK)


@pytest.mark.parametrize("text", ["\\u0000", "a\\u0000b"])
@pytest.mark.parametrize("endpoint", [each for each in CHANGES if "name" in VALID[each.path]], ids=str)
def test_a_name_that_no_database_holds(endpoint: Endpoint, targets: Targets, text: str) -> None:
    headers = {"authorization": f"Bearer {targets.secret(endpoint)}", "content-type": "application/json"}
    url = f"http://127.0.0.1:{targets.port('control')}{targets.path(endpoint)}"
    body = json.dumps(VALID[endpoint.path] | {"name": "NAME"}).replace("NAME", text)
    answer = httpx2.post(url, content=body.encode(), headers=headers)
    error = check_answer(answer.status_code, answer.headers, answer.content)
    assert error is not None and (error["code"], error["param"]) == ("invalid_value", "name")


@pytest.mark.parametrize(
    "target",
    [
        "/v1/organization/projects/%00",
        "/v1/organization/projects/a%00b/service_accounts/%00",
        "/v1/organization/admin_api_keys/%00",
        "/v1/organization/projects?after=%00",
        "/v1/organization/audit_logs?event_types[]=%00",
        "/v1/organization/audit_logs?after=%00",
        "/v1/organization/usage/completions?start_time=0&models[]=%00",
        "/operator/v1/organizations/%00",
        "/operator/v1/organizations?after=%00",
    ],
)
def test_an_address_that_no_database_holds(targets: Targets, target: str) -> None:
    key = targets.operator_key if target.startswith("/operator") else targets.admin_key
    answer = httpx2.get(
        f"http://127.0.0.1:{targets.port('control')}{target}", headers={"authorization": f"Bearer {key}"}
    )
    error = check_answer(answer.status_code, answer.headers, answer.content)
    assert error is not None and answer.status_code in {400, 404}
