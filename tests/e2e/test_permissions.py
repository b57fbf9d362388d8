"""Restricted keys and projects, through the official SDK and the running processes: the region enforces them."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from openai import APIStatusError, AuthenticationError, OpenAI, PermissionDeniedError

from tests.e2e.conftest import RunningUp
from tests.platform.installation import IssuedKey
from tests.platform.processes import eventually

MODEL = "gpt-4o-mini-2024-07-18"
SAY: Any = [{"role": "user", "content": "Say yes."}]


@pytest.fixture
def key(up: RunningUp) -> IssuedKey:
    return up.new_key("eu")


def chat(client: OpenAI, model: str = MODEL) -> str:
    return client.chat.completions.create(model=model, messages=SAY, max_tokens=2).model


def refused(call: Callable[[], object]) -> APIStatusError | None:
    try:
        call()
    except APIStatusError as error:
        return error
    return None


def scoped(up: RunningUp, key: IssuedKey, *scopes: str) -> OpenAI:
    api_keys = up.admin().admin.organization.projects.service_accounts.api_keys
    made = api_keys.create(key.service_account_id, project_id=key.project_id, name="scoped", scopes=list(scopes))
    return up.client("eu", made.value)


def test_a_key_with_scopes_does_what_they_say(up: RunningUp, key: IssuedKey) -> None:
    embedding = scoped(up, key, "api.model.embeddings.request")
    assert embedding.embeddings.create(model="text-embedding-3-small", input="x").data
    with pytest.raises(AuthenticationError) as error:
        chat(embedding)
    assert error.value.code == "missing_scope"
    assert "Missing scopes: api.model.chat_completions.request." in error.value.message
    with pytest.raises(AuthenticationError):
        embedding.models.list()

    reading = scoped(up, key, "api.all.read")
    assert reading.models.list().data
    assert reading.files.list().data == []
    for call in (
        lambda: chat(reading),
        lambda: reading.files.create(file=("x.jsonl", b"{}"), purpose="batch"),
        lambda: reading.batches.create(
            input_file_id="file-" + "1" * 24, endpoint="/v1/chat/completions", completion_window="24h"
        ),
    ):
        with pytest.raises(AuthenticationError) as error:
            call()
        assert error.value.code == "missing_scope"


def test_a_batch_needs_the_scope_of_its_endpoint_too(up: RunningUp, key: IssuedKey) -> None:
    line = {
        "custom_id": "1",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": MODEL, "messages": SAY},
    }
    file = up.client("eu", key.secret).files.create(file=("in.jsonl", json.dumps(line).encode()), purpose="batch")

    def create(client: OpenAI) -> object:
        return client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")

    with pytest.raises(AuthenticationError) as error:
        create(scoped(up, key, "api.batches.write", "api.model.embeddings.request"))
    assert "api.model.chat_completions.request" in error.value.message
    assert create(scoped(up, key, "api.batches.write", "model.request"))


def test_a_project_uses_the_models_of_its_list_only(up: RunningUp, key: IssuedKey) -> None:
    client = up.client("eu", key.secret)
    permissions = up.admin().admin.organization.projects.model_permissions
    assert chat(client) == MODEL
    permissions.update(key.project_id, mode="deny_list", model_ids=[MODEL])
    eventually(lambda: refused(lambda: chat(client)), within_s=20, what="the region knows the list")
    with pytest.raises(PermissionDeniedError) as error:
        chat(client, "gpt-4o-mini")
    assert error.value.code == "model_not_found"
    assert f"Project `{key.project_id}` does not have access to model `gpt-4o-mini`" in error.value.message
    listed = {model.id for model in client.models.list()}
    assert "gpt-4o-2024-08-06" in listed
    assert not {MODEL, "gpt-4o-mini"} & listed
    assert chat(client, "gpt-4o-2024-08-06") == "gpt-4o-2024-08-06"
    permissions.delete(key.project_id)
    eventually(lambda: refused(lambda: chat(client)) is None, within_s=20, what="the list is gone")


def test_a_projects_keys_are_used_from_its_networks_only(up: RunningUp, key: IssuedKey) -> None:
    client = up.client("eu", key.secret)
    admin_key = up.key_file("admin_key_file").read_text().strip()

    def allow(*networks: str) -> None:
        url = f"{up.control_url}/v1/organization/projects/{key.project_id}/ip_allowlist"
        answer = httpx2.post(
            url, headers={"authorization": f"Bearer {admin_key}"}, json={"allowed_ips": list(networks)}
        )
        assert answer.status_code == 200

    allow("192.0.2.0/24")
    eventually(lambda: refused(client.models.list), within_s=20, what="the region knows the networks")
    error = refused(client.models.list)
    assert isinstance(error, AuthenticationError)
    assert error.code == "ip_not_authorized"
    # Nobody is believed who says where he comes from.
    liar = client.with_options(default_headers={"x-forwarded-for": "192.0.2.7"})
    assert refused(liar.models.list) is not None
    allow("192.0.2.0/24", "127.0.0.0/8")
    eventually(lambda: refused(client.models.list) is None, within_s=20, what="this network is allowed")


def test_when_a_key_was_last_used(up: RunningUp, key: IssuedKey) -> None:
    api_keys = up.admin().admin.organization.projects.api_keys
    assert api_keys.retrieve(key.key_id, project_id=key.project_id).last_used_at is None
    chat(up.client("eu", key.secret))
    eventually(
        lambda: api_keys.retrieve(key.key_id, project_id=key.project_id).last_used_at is not None,
        within_s=60,
        what="the region reports the usage",
    )
    admin_keys = up.admin().admin.organization.admin_api_keys
    eventually(
        lambda: all(each.last_used_at is not None for each in admin_keys.list(limit=1).data),
        within_s=60,
        what="the use of the admin key is written",
    )
