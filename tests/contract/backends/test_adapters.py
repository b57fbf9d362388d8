"""The same requests through every adapter: what the caller sees does not tell which vendor's engine has answered."""

import asyncio
import json
from pathlib import Path

import httpx2
import pytest
from tests.component.data_plane.region_under_test import MODEL, SECRET, RegionUnderTest, region_under_test
from tests.contract.backends.conftest import API_VERSION, Backend
from tests.platform.vendor_servers import ACCOUNT, KEY, recording
from tests.unit.data_plane.region_parts import PROJECT

from domicile.data_plane.egress import EgressPolicy
from domicile.data_plane.engines.upstream import ProbeResult, Upstream
from domicile.data_plane.engines.vendors.choice import vendor_of
from domicile.kernel.geography import country_set

REPLY_MEMBERS = {"id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier"}
CHOICE_MEMBERS = {"index", "finish_reason", "message", "logprobs"}


def says_nothing_of_the_vendor(answer: httpx2.Response) -> bool:
    shown = answer.text + json.dumps(dict(answer.headers))
    return not any(
        word in shown for word in (ACCOUNT, KEY, "deployment", "Invalid API Key", "filter_result", "127.0.0.1")
    )


async def test_a_whole_answer(region: RegionUnderTest) -> None:
    answer = await region.chat("Say hello.", max_tokens=4, temperature=0)
    assert answer.status_code == 200, answer.text
    reply = answer.json()
    assert reply["model"] == MODEL
    assert reply.keys() <= REPLY_MEMBERS
    assert reply["choices"][0].keys() <= CHOICE_MEMBERS
    assert reply["choices"][0]["message"]["content"]
    # A server that others have asked the same may have it still.
    assert 0 <= reply["usage"]["prompt_tokens_details"]["cached_tokens"] <= reply["usage"]["prompt_tokens"]
    assert says_nothing_of_the_vendor(answer)
    [row] = await region.ledger(1)
    assert (row.outcome, row.counted_by) == ("complete", "engine")
    assert (row.input_tokens, row.output_tokens) == (
        reply["usage"]["prompt_tokens"],
        reply["usage"]["completion_tokens"],
    )


async def test_a_stream(region: RegionUnderTest) -> None:
    async with region.official_client() as client:
        stream = await client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "Say hello."}],
            max_tokens=4,
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
    assert {chunk.model for chunk in chunks} == {MODEL}
    assert all(chunk.id for chunk in chunks)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] in {"stop", "length"}
    assert [bool(chunk.usage) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert "filter" not in "".join(chunk.to_json() for chunk in chunks)
    [row] = await region.ledger(1)
    assert (row.outcome, row.counted_by) == ("complete", "engine")


async def test_a_wrong_key_is_the_operators_to_put_right_and_nothing_of_it_is_shown(
    tmp_path: Path, backend: Backend
) -> None:
    (tmp_path / "wrong").write_text("wrong-key")
    settings = backend.with_settings(api_key_env=None, api_key_file=tmp_path / "wrong")
    async with region_under_test(tmp_path, [settings]) as region:
        answer = await region.chat("hello")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "engine_misconfigured")
        assert says_nothing_of_the_vendor(answer)
        assert "wrong-key" not in answer.text
        await region.ledger(0)


@pytest.mark.parametrize("backend", ["llama-server", "openai"], indirect=True)
async def test_whether_it_is_there(backend: Backend) -> None:
    for settings, expected in (
        (backend.settings, ProbeResult.ALIVE),
        (backend.with_settings(health_path="/nothing"), ProbeResult.DEAD),
    ):
        upstream = Upstream(settings, EgressPolicy(country_set(["DE"])), vendor_of(settings))
        try:
            assert await upstream.probe() is expected
        finally:
            await upstream.close()


@pytest.mark.parametrize("backend", ["azure", "openai"], indirect=True)
async def test_what_a_vendors_engine_is_sent(region: RegionUnderTest, backend: Backend) -> None:
    assert backend.server is not None
    members = {"user": "somebody", "metadata": {"case": "4"}, "seed": 3, "service_tier": "auto"}
    headers = {"x-case": "patient", "openai-project": PROJECT, "api-key": SECRET}
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}], **members}
    assert (await region.http.post("/v1/chat/completions", json=body, headers=headers)).status_code == 200
    [sent] = backend.server.requests
    expected_headers = {"host", "accept", "content-type", "content-length"}
    if backend.settings.vendor == "azure_openai":
        assert sent["target"] == f"/openai/deployments/my-4o/chat/completions?api-version={API_VERSION}"
        assert sent["headers"]["api-key"] == KEY
        assert set(sent["headers"]) == expected_headers | {"api-key"}
    else:
        assert sent["target"] == "/v1/chat/completions"
        assert sent["headers"]["authorization"] == f"Bearer {KEY}"
        assert sent["headers"]["openai-organization"] == "org-acme"
        assert sent["headers"]["openai-project"] == "proj_acme", "the operator's own there, not the caller's here"
        assert set(sent["headers"]) == expected_headers | {"authorization", "openai-organization", "openai-project"}
    assert sent["body"] == {
        "model": backend.settings.models[MODEL],
        "messages": [{"role": "user", "content": "hello"}],
        "seed": 3,
        "stream": False,
    }
    assert SECRET not in json.dumps(sent)


async def test_what_a_vendor_refuses_is_said_in_our_words(region: RegionUnderTest, backend: Backend) -> None:
    text = "forbidden" if backend.server is not None else "word " * 3000
    answer = await region.chat(text)
    codes = {"azure_openai": "content_filter", "openai": "content_policy_violation"}
    expected = codes.get(backend.settings.vendor, "context_length_exceeded")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, expected)
    assert says_nothing_of_the_vendor(answer)
    await region.ledger(0)


async def test_a_client_that_leaves_ends_the_engines_work_and_pays_for_what_was_said(
    region: RegionUnderTest, backend: Backend
) -> None:
    body = {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": "endless"}], "max_tokens": 900}
    async with region.http.stream("POST", "/v1/chat/completions", json=body) as answer:
        async for line in answer.aiter_lines():
            if '"content":"' in line.replace(" ", ""):
                break
    if backend.server is not None:
        await asyncio.wait_for(backend.server.left.wait(), 30)
    [row] = await region.ledger(1)
    assert (row.outcome, row.counted_by) == ("client_left", "platform")
    assert row.output_tokens > 0


@pytest.mark.contract("C05")
@pytest.mark.parametrize("backend", ["openai"], indirect=True)
async def test_a_redirect_from_an_engine_is_an_error_and_leads_nowhere(tmp_path: Path, backend: Backend) -> None:
    assert backend.server is not None
    async with recording() as elsewhere, region_under_test(tmp_path, [backend.settings]) as region:
        backend.server.redirect_to = f"{elsewhere.url}/v1/chat/completions"
        for stream in (False, True):
            answer = await region.chat("redirect", stream=stream)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "engine_unavailable")
            assert says_nothing_of_the_vendor(answer)
        assert len(backend.server.requests) == 2
        assert elsewhere.requests == []
        await region.ledger(0)
