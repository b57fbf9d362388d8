"""Which key opens what, and how everything else is answered."""

import aiohttp
import pytest

from domicile.kernel import api_keys
from tests.component.control_plane.platform_under_test import SHARED_LOOP, Platform, code_of

PROJECTS = "/v1/organization/projects"
OPERATOR = "/operator/v1/organization"


@SHARED_LOOP
async def test_a_project_key_is_no_admin_key(shared: Platform) -> None:
    account = await shared.account((await shared.project())["id"])
    status, answer = await shared.ask("GET", PROJECTS, key=account["api_key"]["value"])
    assert (status, code_of(answer)) == (403, "admin_key_required")
    status, answer = await shared.ask("GET", OPERATOR, key=account["api_key"]["value"])
    assert (status, code_of(answer)) == (403, "operator_key_required")


@SHARED_LOOP
async def test_admin_and_operator_do_not_stand_in_for_each_other(shared: Platform) -> None:
    status, answer = await shared.ask("GET", OPERATOR, key=shared.admin_key)
    assert (status, code_of(answer)) == (403, "operator_key_required")
    status, answer = await shared.ask("GET", PROJECTS, key=shared.operator_key)
    assert (status, code_of(answer)) == (401, "invalid_api_key")


@SHARED_LOOP
async def test_an_unknown_key_is_answered_with_its_last_four_characters_only(shared: Platform) -> None:
    unknown = api_keys.generate(api_keys.ADMIN, shared.running.identity.installation_id).value
    elsewhere = api_keys.generate(api_keys.ADMIN, "inst_" + "0" * 24).value
    for path in (PROJECTS, OPERATOR):
        for key in (elsewhere, "nonsense-of-some-length-1234", "opk-" + "0" * 40):
            status, answer = await shared.ask("GET", path, key=key)
            assert (status, code_of(answer)) == (401, "invalid_api_key"), (path, key)
            assert key[-4:] in answer["error"]["message"]
            assert key[-8:] not in answer["error"]["message"]
        # Of what is this short, four would be much of it.
        assert "1234" not in (await shared.ask("GET", path, key="nonsense-1234"))[1]["error"]["message"]
    status, answer = await shared.ask("GET", PROJECTS, key=unknown)
    assert (status, code_of(answer)) == (401, "invalid_api_key")


@SHARED_LOOP
@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc"])
async def test_no_key_at_all(shared: Platform, header: str | None) -> None:
    headers = {} if header is None else {"authorization": header}
    for path in (PROJECTS, OPERATOR):
        async with (
            aiohttp.ClientSession() as session,
            session.get(shared.running.admin_url + path, headers=headers) as response,
        ):
            assert response.status == 401
            assert response.headers["www-authenticate"] == "Bearer"
            assert code_of(await response.json()) == "invalid_api_key"


@SHARED_LOOP
async def test_the_organization_header_must_be_the_keys_own(shared: Platform) -> None:
    own = shared.running.identity.first_organization_id
    tenant = await shared.organization()
    assert (await shared.ask("GET", PROJECTS, headers={"OpenAI-Organization": own}))[0] == 200
    status, answer = await shared.ask("GET", PROJECTS, headers={"OpenAI-Organization": tenant.id})
    assert (status, code_of(answer)) == (401, "mismatched_project")
