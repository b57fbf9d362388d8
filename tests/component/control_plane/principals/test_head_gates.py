"""What the control plane's listeners refuse on the head alone, and whom they send to which region."""

import asyncio
import json
from typing import Any

import pytest

from domicile.boundary import protocol
from domicile.kernel import api_keys
from tests.component.control_plane.platform_under_test import SHARED_LOOP, Platform

HOSTS = "eu.domicile.example, us.domicile.example"


async def refusal(url: str, method: str, path: str, *headers: str) -> tuple[int, dict[str, Any]]:
    """The answer to a head alone: its body is announced and never sent, so whoever waits for it answers nothing."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = (
        f"{method} {path} HTTP/1.1",
        "host: x",
        "content-type: application/json",
        "content-length: 60000",
        *headers,
    )
    writer.write("\r\n".join((*lines, "", "")).encode())
    try:
        async with asyncio.timeout(30):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = next(int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:"))
            body = await reader.readexactly(length)
            assert "connection: close" in head
            assert await reader.read() == b""
    finally:
        writer.close()
    return int(head.split(" ")[1]), json.loads(body)["error"]


def key_of(shared: Platform, realm: str) -> str:
    return api_keys.generate(realm, shared.running.identity.installation_id).value


def headers_of(key: str) -> tuple[str, str]:
    return f"authorization: Bearer {key}", f"api-key: {key}"


@SHARED_LOOP
@pytest.mark.parametrize("listener", ["admin_url", "boundary_url"])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings", "/v1/models", "/anything", "/"])
async def test_a_projects_key_is_sent_to_its_region(shared: Platform, listener: str, path: str) -> None:
    url = getattr(shared.running, listener)
    for code in ("us", "eu"):
        for header in headers_of(key_of(shared, code)):
            status, error = await refusal(url, "POST", path, header)
            assert (status, error["code"]) == (401, "incorrect_hostname")
            assert error["message"].endswith(f" Please make your request to {code}.domicile.example")


@SHARED_LOOP
@pytest.mark.parametrize("listener", ["admin_url", "boundary_url"])
async def test_a_request_to_a_model_learns_where_the_regions_are(shared: Platform, listener: str) -> None:
    url = getattr(shared.running, listener)
    other = key_of(shared, "us")[:-1]
    for headers in ((), *((header,) for key in (other, key_of(shared, "ap")) for header in headers_of(key))):
        status, error = await refusal(url, "POST", "/v1/chat/completions", *headers)
        assert (status, error["code"]) == (404, "unknown_url")
        assert HOSTS in error["message"]


@SHARED_LOOP
@pytest.mark.parametrize("path", ["/v1/organization/projects", "/v1/organization", "/v1/organization/nothing"])
async def test_an_admin_key_must_have_its_form(shared: Platform, path: str) -> None:
    url, admin = shared.running.admin_url, key_of(shared, "admin")
    wrong = "a" if admin[-1] != "a" else "b"
    for headers, found in (
        ((), (401, "invalid_api_key")),
        (("authorization: Basic x",), (401, "invalid_api_key")),
        (headers_of(admin[:-1] + wrong)[:1], (401, "invalid_api_key")),
        (headers_of(admin[:-1] + wrong)[1:], (401, "invalid_api_key")),
        ((headers_of(admin)[0], headers_of(key_of(shared, "admin"))[1]), (401, "invalid_api_key")),
        (headers_of(key_of(shared, "us"))[:1], (403, "admin_key_required")),
    ):
        status, error = await refusal(url, "POST", path, *headers)
        assert (status, error["code"]) == found


@SHARED_LOOP
async def test_an_unknown_admin_key_is_refused_before_its_body_comes(shared: Platform) -> None:
    key = key_of(shared, "admin")
    status, error = await refusal(shared.running.admin_url, "POST", "/v1/organization/projects", headers_of(key)[0])
    assert (status, error["code"]) == (401, "invalid_api_key")


@SHARED_LOOP
@pytest.mark.parametrize("path", ["/operator/v1/organization", "/metrics"])
async def test_the_operators_key_is_asked_for_on_the_head(shared: Platform, path: str) -> None:
    url = shared.running.admin_url
    for headers, found in (
        ((), (401, "invalid_api_key")),
        (headers_of("opk-" + "x" * 40)[:1], (401, "invalid_api_key")),
        (headers_of(key_of(shared, "admin"))[:1], (403, "operator_key_required")),
    ):
        status, error = await refusal(url, "POST", path, *headers)
        assert (status, error["code"]) == found


@SHARED_LOOP
@pytest.mark.parametrize(
    "path",
    [
        protocol.SNAPSHOT,
        protocol.USAGE,
        protocol.AUDIT,
        protocol.SERVICE_LEVELS,
        f"{protocol.SHARD}/x",
        "/boundary/v1/x",
    ],
)
async def test_a_call_across_the_boundary_is_signed(shared: Platform, path: str) -> None:
    url = shared.running.boundary_url
    signed = ("domicile-region: us", "domicile-replica: rep_x", "domicile-signature: eA==")
    for headers in (
        (),
        headers_of(key_of(shared, "us"))[:1],
        signed,
        (*signed, "domicile-timestamp: 1"),
        (*signed, "domicile-timestamp: x"),
    ):
        status, error = await refusal(url, "POST", path, *headers)
        assert (status, error["code"]) == (403, "bad_signature")
