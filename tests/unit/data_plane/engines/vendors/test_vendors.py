"""What each vendor's engine is asked for, and what of its manners is not passed on."""

import json
from typing import Any

import pytest

from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.engines.vendors.choice import vendor_of
from domicile.settings.engines import EngineSettings
from tests.unit.data_plane.region_parts import engine_settings

CHAT = Endpoint.CHAT_COMPLETIONS


def azure(**members: Any) -> EngineSettings:
    values: dict[str, Any] = {
        "url": "https://acme.openai.azure.com",
        "api_version": "2024-10-21",
        "api_key_env": "KEY",
        **members,
    }
    return engine_settings(vendor="azure_openai", **values)


def openai(**members: Any) -> EngineSettings:
    return engine_settings(
        vendor="openai", **{"url": "https://eu.api.openai.example/v1", "api_key_env": "KEY", **members}
    )


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        (engine_settings(), "/v1/chat/completions"),
        (engine_settings(url="http://127.0.0.1:8000"), "/v1/chat/completions"),
        (engine_settings(url="http://127.0.0.1:8000/v1/"), "/v1/chat/completions"),
        (engine_settings(url="https://host.example/team/llm/v1"), "/team/llm/v1/chat/completions"),
        (engine_settings(url="https://host.example/v1/team"), "/v1/team/v1/chat/completions"),
        (openai(), "/v1/chat/completions"),
        (azure(), "/openai/deployments/model/chat/completions?api-version=2024-10-21"),
        (azure(url="https://acme.example/openai/"), "/openai/deployments/model/chat/completions?api-version=2024-10-21"),
        (azure(url="https://gate.example/ai"), "/ai/openai/deployments/model/chat/completions?api-version=2024-10-21"),
        (azure(api_version="v1"), "/openai/v1/chat/completions"),
        (azure(api_version="v1", url="https://acme.openai.azure.com/openai/v1"), "/openai/v1/chat/completions"),
    ],
)  # fmt: skip
def test_the_path_of_a_request(settings: EngineSettings, path: str) -> None:
    assert vendor_of(settings).path(CHAT, "model") == path


def test_a_deployments_name_stays_one_part_of_the_path() -> None:
    path = vendor_of(azure()).path(Endpoint.AUDIO_SPEECH, "a/../b?c#d")
    assert path == "/openai/deployments/a%2F..%2Fb%3Fc%23d/audio/speech?api-version=2024-10-21"


@pytest.mark.parametrize(
    ("settings", "health", "every_s"),
    [
        (engine_settings(), "/health", 0.5),
        (engine_settings(url="https://host.example/team/v1"), "/team/health", 0.5),
        (engine_settings(health_path="/v1/models", health_every_s=3), "/v1/models", 3),
        (engine_settings(health_path="none"), None, 0.5),
        (openai(), "/v1/models", 10),
        (azure(), None, 10),
        (azure(health_path="/openai/models?api-version=2024-10-21"), "/openai/models?api-version=2024-10-21", 10),
    ],
)
def test_what_is_asked_for_its_health(settings: EngineSettings, health: str | None, every_s: float) -> None:
    vendor = vendor_of(settings)
    assert (vendor.health_path, vendor.health_every_s) == (health, every_s)


def test_the_headers_of_each() -> None:
    assert dict(vendor_of(engine_settings()).headers(None)) == {}
    assert dict(vendor_of(engine_settings()).headers("key")) == {"authorization": "Bearer key"}
    assert dict(vendor_of(azure()).headers("key")) == {"api-key": "key"}
    assert dict(vendor_of(openai()).headers("key")) == {"authorization": "Bearer key"}
    assert dict(vendor_of(openai(organization="org-1", project="proj_2")).headers("key")) == {
        "authorization": "Bearer key",
        "openai-organization": "org-1",
        "openai-project": "proj_2",
    }


@pytest.mark.parametrize("settings", [openai(), azure()])
def test_an_account_that_all_projects_share_tells_none_what_another_has_sent(settings: EngineSettings) -> None:
    """Design 4: one tenant's `cached_tokens` never depends on another's."""
    said = 'a text with "cached_tokens": 7 in it, and a \\'
    reply = {
        "choices": [{"message": {"content": said}}],
        "usage": {"prompt_tokens": 2000, "prompt_tokens_details": {"cached_tokens": 1792, "audio_tokens": 0}},
    }
    for data in (json.dumps(reply).encode(), json.dumps(reply, separators=(",", ":")).encode()):
        shown = json.loads(vendor_of(settings).reply(data) or b"")
        assert shown["usage"]["prompt_tokens_details"] == {"cached_tokens": 0, "audio_tokens": 0}
        assert shown["usage"]["prompt_tokens"] == 2000
        assert shown["choices"][0]["message"]["content"] == said
        assert vendor_of(engine_settings()).reply(data) == data


def test_what_azures_filter_thinks_is_no_event() -> None:
    vendor = vendor_of(azure())
    filtered = {"hate": {"filtered": False, "severity": "safe"}}
    prompt = {
        "choices": [],
        "id": "",
        "object": "",
        "model": "",
        "prompt_filter_results": [{"content_filter_results": filtered}],
    }
    later = {
        "choices": [{"content_filter_offsets": {}, "content_filter_results": filtered, "index": 0}],
        "id": "",
        "object": "",
    }
    for event in (prompt, later):
        assert vendor.reply(json.dumps(event).encode()) is None
    chunk = {"choices": [{"content_filter_results": {}, "delta": {"content": "hi"}, "index": 0}], "id": "chatcmpl-1"}
    assert vendor.reply(data := json.dumps(chunk).encode()) == data
    # What says nothing of an id is left to whoever reads it.
    assert vendor.reply(b'{"content_filter"') == b'{"content_filter"'
