"""The listeners themselves: health, unknown URLs and methods, request ids, and what is not on them."""

import aiohttp
import pytest

from tests.component.control_plane.platform_under_test import SHARED_LOOP, Platform, code_of


@SHARED_LOOP
async def test_health_needs_no_key(shared: Platform) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(shared.running.admin_url + "/healthz") as response,
    ):
        assert (response.status, await response.json()) == (200, {"status": "ok"})
        assert response.headers["x-request-id"].startswith("req_")
        assert "access-control-allow-origin" not in response.headers


async def test_health_fails_when_the_database_does(platform: Platform) -> None:
    async with platform.running.database.transaction() as connection:
        await connection.exec_driver_sql("ALTER TABLE installation RENAME TO hidden")
    assert (await platform.ask("GET", "/healthz"))[0] == 503


@SHARED_LOOP
@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "unknown_url"),
        ("GET", "/v1/organization/projects/", 404, "unknown_url"),
        ("POST", "/v1/chat/completions", 404, "unknown_url"),
        ("GET", "/boundary/v1/snapshot", 404, "unknown_url"),
        ("PUT", "/v1/organization/projects", 405, "method_not_allowed"),
        ("DELETE", "/v1/organization/projects/x", 405, "method_not_allowed"),
        ("POST", "/healthz", 405, "method_not_allowed"),
    ],
)
async def test_what_is_not_there(shared: Platform, method: str, path: str, status: int, code: str) -> None:
    found, answer = await shared.ask(method, path)
    assert (found, code_of(answer)) == (status, code)


@SHARED_LOOP
async def test_the_admin_api_is_not_on_the_boundary(shared: Platform) -> None:
    region = await shared.region("us")
    for path in ("/v1/organization/projects", "/operator/v1/regions", "/healthz"):
        answer = await region.send("GET", path, b"", headers={"authorization": f"Bearer {shared.operator_key}"})
        assert (answer.status, answer.code) == (404, "unknown_url")


@SHARED_LOOP
async def test_a_browser_of_another_origin_gets_no_permission(shared: Platform) -> None:
    headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    async with (
        aiohttp.ClientSession() as session,
        session.options(shared.running.admin_url + "/v1/organization/projects", headers=headers) as response,
    ):
        assert response.status == 401
        assert not [name for name in response.headers if name.lower().startswith("access-control")]
