"""What stands in front of every endpoint, over HTTP (design 7)."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from domicile.boundary.snapshot import Shard
from domicile.data_plane.http.app import refusal_headers
from domicile.data_plane.http.auth import Authenticator
from domicile.data_plane.http.middleware import CORS_HEADERS, RegionMiddleware, head_gate
from domicile.web.application import Application
from tests.component.web.live_server import live_server
from tests.unit.data_plane.region_parts import (
    INSTALLATION,
    KEY_ID,
    SetClock,
    current_snapshot,
    key_record,
    new_key,
    no_blocks,
    organization_record,
    project_record,
)

SECRET = new_key()
KEY = {"authorization": f"Bearer {SECRET}"}


async def public(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def who(request: Request) -> Response:
    return JSONResponse({"key_id": request.scope["caller"].key_id})


@pytest.fixture(scope="module")
def client() -> Iterator[httpx2.Client]:
    snapshots = current_snapshot(Shard("eu", 0, (organization_record(),), (project_record(),), (key_record(SECRET),)))
    authenticator = Authenticator("eu", INSTALLATION, snapshots, SetClock(), no_blocks())
    routes = [
        Route("/healthz", public, methods=["GET"]),
        Route("/readyz", public, methods=["GET"]),
        Route("/v1/who", who, methods=["GET"]),
    ]
    application = Application(routes, decorate=RegionMiddleware, extra_headers=CORS_HEADERS)
    options: dict[str, Any] = {"head_gate": head_gate(authenticator), "refusal_headers": refusal_headers("eu")}
    with live_server(application, **options) as server, httpx2.Client(base_url=server.url, timeout=10) as client:
        yield client


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_needs_no_key(client: httpx2.Client, path: str) -> None:
    assert client.get(path).json() == {"status": "ok"}


def test_an_endpoint_needs_one_and_learns_who_asks(client: httpx2.Client) -> None:
    assert client.get("/v1/who").status_code == 401
    assert client.get("/v1/who", headers=KEY).json() == {"key_id": KEY_ID}


@pytest.mark.parametrize("path", ["/", "/v1/nothing", "/healthz/", "/healthz/../v1/who", "//healthz", "/HEALTHZ"])
def test_an_unknown_url_is_not_told_apart_without_a_key(client: httpx2.Client, path: str) -> None:
    refused = client.get(path)
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
    assert refused.headers["www-authenticate"] == "Bearer"


def test_with_a_key_it_is_404(client: httpx2.Client) -> None:
    answer = client.get("/v1/nothing", headers=KEY)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_url")


@pytest.mark.parametrize("path", ["/v1/who", "/v1/nothing"])
def test_a_preflight_needs_no_key_and_reaches_nobody(client: httpx2.Client, path: str) -> None:
    answer = client.options(
        path,
        headers={
            "origin": "https://app.example",
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization, content-type, x-stainless-os",
        },
    )
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "authorization, content-type, x-stainless-os"
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["x-request-id"].startswith("req_")


def test_options_alone_is_a_request_like_any_other(client: httpx2.Client) -> None:
    assert client.options("/v1/who").status_code == 401
    assert client.options("/v1/who", headers=KEY).status_code == 405


@pytest.mark.parametrize("path", ["/healthz", "/v1/who", "/v1/nothing"])
def test_a_pages_script_may_read_every_answer(client: httpx2.Client, path: str) -> None:
    for headers in ({}, KEY):
        answer = client.get(path, headers=headers)
        assert answer.headers.get_list("access-control-allow-origin") == ["*"]
        assert answer.headers["access-control-expose-headers"] == "*"


def test_without_a_judged_head_only_what_is_public_is_served() -> None:
    routes = [Route("/healthz", public, methods=["GET"]), Route("/v1/who", who, methods=["GET"])]
    with (
        live_server(Application(routes, decorate=RegionMiddleware)) as server,
        httpx2.Client(base_url=server.url, timeout=10) as client,
    ):
        assert client.get("/healthz").status_code == 200
        assert client.get("/v1/who", headers=KEY).status_code == 500
