"""The regions behave alike (C15), and every limit that there is is the same in both (C19), asked of the running processes.

Rate limits, prices and a Scale Tier that can be bought do not exist yet (docs/contract.md says so): what is compared here is
what does.
"""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from domicile.catalogue.endpoints import Endpoint
from domicile.web.bodies.body_limits import body_limit
from domicile.web.bodies.json_body import MAX_DEPTH, MAX_VALUES
from domicile.web.server.protocol import MAX_HEADER_BYTES, MAX_HEADER_COUNT
from tests.platform.installation import Installation
from tests.residency.marked_requests import FORMS, PLAIN, marked_bodies

Probe = tuple[str, dict[str, Any]]


def _limits() -> Iterator[Probe]:
    """Requests one step inside and one step outside of every limit that a caller can meet."""
    chat = Endpoint.CHAT_COMPLETIONS.value
    for endpoint in PLAIN:
        if endpoint in FORMS:
            continue
        limit = body_limit(endpoint.value)
        if limit <= 8 * 1024 * 1024:
            for size in (limit, limit + 1):
                yield f"{endpoint.value}: {size} bytes", _post(endpoint.value, b'{"x":"' + b"x" * (size - 8) + b'"}')
    for depth in (MAX_DEPTH, MAX_DEPTH + 1):
        nested = b"[" * (depth - 1) + b"]" * (depth - 1)
        yield f"{depth} levels", _post(chat, b'{"x":' + nested + b"}")
    for count in (MAX_VALUES - 10, MAX_VALUES + 10):
        yield f"{count} values", _post(chat, b'{"x":[' + b",".join([b"1"] * count) + b"]}")
    for count in (MAX_HEADER_COUNT // 2, MAX_HEADER_COUNT + 1):
        yield f"{count} headers", _post(chat, PLAIN[Endpoint.CHAT_COMPLETIONS], {f"x-{n}": "x" for n in range(count)})
    for size in (MAX_HEADER_BYTES // 2, MAX_HEADER_BYTES + 1):
        yield f"{size} bytes of headers", _post(chat, PLAIN[Endpoint.CHAT_COMPLETIONS], {"x-long": "x" * size})
    for tier in ("auto", "default", "scale", "flex", "priority"):
        yield f"tier {tier}", _post(chat, {**PLAIN[Endpoint.CHAT_COMPLETIONS], "service_tier": tier})


def _post(url: str, body: bytes | dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, Any]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return {"method": "POST", "url": url, "content": content, "headers": headers or {}}


def _members() -> Iterator[Probe]:
    """A wrong or unusual value in every member of every request."""
    for endpoint in PLAIN:
        if endpoint not in FORMS:
            for place, body in marked_bodies(endpoint, "x" * 60):
                yield f"{endpoint.value}: {place}", _post(endpoint.value, body)


def _answers(installation: Installation, code: str, probes: list[Probe]) -> dict[str, tuple[int, Any]]:
    """Status, and the error or the answer's members, without what is each request's own or the region's name."""
    secret = installation.new_key(code).secret
    found: dict[str, tuple[int, Any]] = {}
    host = installation.region_url(code)
    with httpx2.Client(base_url=host, timeout=60) as client:
        for name, probe in probes:
            headers = {"authorization": f"Bearer {secret}", "content-type": "application/json", **probe["headers"]}
            answer = client.request(probe["method"], probe["url"], content=probe["content"], headers=headers)
            is_json = answer.headers.get("content-type", "").startswith("application/json")
            body = answer.json() if is_json else {}
            told = body.get("error") or sorted(body)
            found[name] = answer.status_code, json.loads(json.dumps(told).replace(f"'{code}'", "'REGION'"))
    return found


@pytest.mark.contract("C19")
def test_every_limit_is_the_same_in_both_regions(installation: Installation) -> None:
    probes = list(_limits())
    american, european = (_answers(installation, code, probes) for code in ("us", "eu"))
    assert american == european
    statuses = {status for status, _ in american.values()}
    assert {200, 400, 413, 431} <= statuses, statuses


@pytest.mark.contract("C15")
def test_every_member_is_taken_or_refused_alike(installation: Installation) -> None:
    probes = [*_members(), ("models", {"method": "GET", "url": "/v1/models", "content": b"", "headers": {}})]
    american, european = (_answers(installation, code, probes) for code in ("us", "eu"))
    different = {name for name in american if american[name] != european[name]}
    # What the regions require differs, by the contract: Europe lets no image in without enhanced ZDR (C03), and stores nothing.
    assert {name for name in different if "image" not in name and "store" not in name} == set()
    assert {status for status, _ in american.values()} >= {200, 400}
