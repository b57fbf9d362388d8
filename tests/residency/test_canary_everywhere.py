"""A mark in every place where a caller or an administrator can write, and where it must not be found afterwards (C05, C07)."""

import json
import secrets
import socket
from collections import Counter
from collections.abc import Iterator

import httpx2
import pytest

from domicile.catalogue.endpoints import Endpoint
from tests.pictures import data_url
from tests.platform.installation import Installation, IssuedKey
from tests.platform.processes import eventually
from tests.recordings import SELFISH
from tests.residency.marked_requests import (
    FORMS,
    PLAIN,
    marked_bodies,
    marked_headers,
    marked_png,
    marked_recordings,
)
from tests.residency.memory import forms, in_files, in_memory
from tests.residency.relay import CapturingRelay
from tests.residency.test_canary import usage_has_arrived

MARK_BYTES = 60
"""Letters and digits, so that it may stand where a name must, and no longer than one may be."""


def mark() -> str:
    found = f"canary{secrets.token_hex(24)}canary"
    assert len(found) == MARK_BYTES
    return found


class Sender:
    """Sends to the European region and counts what was answered."""

    def __init__(self, installation: Installation, issued: IssuedKey) -> None:
        self._installation = installation
        self._key = {"authorization": f"Bearer {issued.secret}"}
        self._client = httpx2.Client(base_url=installation.region_url("eu"), timeout=60)
        self.statuses: Counter[int] = Counter()

    def send(self, method: str, url: str, headers: dict[str, str] | None = None, **body: object) -> int:
        answer = self._client.request(method, url, headers={**self._key, **(headers or {})}, **body)  # type: ignore[arg-type]
        assert answer.status_code < 500, f"{method} {url}: {answer.text}"
        self.statuses[answer.status_code] += 1
        return answer.status_code


@pytest.fixture
def issued(installation: Installation) -> IssuedKey:
    return installation.new_key("eu")


@pytest.fixture
def sender(installation: Installation, issued: IssuedKey) -> Sender:
    return Sender(installation, issued)


def assert_left_nowhere(installation: Installation, relay: CapturingRelay, needle: str) -> None:
    """Not outside its region, and not at rest within it."""
    needles = forms(needle.encode())
    for name in ("control", "region-us", "engine-us"):
        assert in_memory(installation.processes[name].pid, needles) == [], name
    for folder in ("control", "us", "logs", "eu"):
        assert in_files(installation.folder / folder, needles) == [], folder
    assert [form for form, encoded in needles.items() if encoded in relay.captured] == []


@pytest.mark.contract("C05")
@pytest.mark.contract("C07")
@pytest.mark.parametrize("endpoint", PLAIN, ids=lambda endpoint: endpoint.value)
def test_in_every_member_of_every_request(
    installation: Installation, relay: CapturingRelay, issued: IssuedKey, sender: Sender, endpoint: Endpoint
) -> None:
    needle = mark()
    places = 0
    for _, body in marked_bodies(endpoint, needle):
        places += 1
        if endpoint in FORMS:
            fields = {
                name: value if isinstance(value, str | list) else json.dumps(value) for name, value in body.items()
            }
            sender.send("POST", endpoint.value, data=fields, files={"file": ("a.flac", SELFISH.content)})
        else:
            sender.send("POST", endpoint.value, json=body)
    assert places > len(PLAIN[endpoint]) + 2
    # Both kinds were there: texts that were taken, and marks that were refused.
    assert sender.statuses[200] > 0, sender.statuses
    assert sender.statuses[400] > 0, sender.statuses
    if endpoint is Endpoint.CHAT_COMPLETIONS:
        assert places > 200
        eventually(lambda: usage_has_arrived(installation, issued.project_id), what="usage arrives")
    assert_left_nowhere(installation, relay, needle)


@pytest.mark.contract("C07")
def test_in_every_header_and_in_urls(installation: Installation, relay: CapturingRelay, sender: Sender) -> None:
    needle = mark()
    for endpoint, body in PLAIN.items():
        if endpoint not in FORMS:
            for _, headers in marked_headers(needle):
                sender.send("POST", endpoint.value, headers, json=body)
        sender.send("POST", f"{endpoint.value}?{needle}={needle}", json=body)
        sender.send("POST", f"{endpoint.value}/{needle}", json=body)
        sender.send(needle[:20].upper(), endpoint.value)
        sender.send("OPTIONS", endpoint.value, {"access-control-request-method": "POST", "origin": needle})
    for url in (
        f"/v1/models/{needle}",
        f"/v1/images/content/{needle}?key={needle}",
        f"/{needle}",
        f"/v1/models?{needle}",
    ):
        sender.send("GET", url)
    assert {200, 400, 401, 404} <= set(sender.statuses)
    assert_left_nowhere(installation, relay, needle)


@pytest.mark.contract("C07")
def test_in_what_files_say_of_themselves(installation: Installation, relay: CapturingRelay, sender: Sender) -> None:
    needle = mark()
    for endpoint in FORMS:
        for _, content in marked_recordings(needle.encode()):
            for filename in (f"{needle}.wav", "a.wav"):
                sender.send("POST", endpoint.value, data=PLAIN[endpoint], files={"file": (filename, content)})
        sender.send("POST", endpoint.value, data=PLAIN[endpoint], files={needle: ("a.wav", SELFISH.content)})
        sender.send(
            "POST", endpoint.value, data=PLAIN[endpoint], files={"file": ("a.flac", SELFISH.content, f"audio/{needle}")}
        )
    picture = {"type": "image_url", "image_url": {"url": data_url(marked_png(needle.encode()), "png")}}
    sender.send("POST", "/v1/moderations", json={"model": "omni-moderation-latest", "input": [picture]})
    message = {"role": "user", "content": [{"type": "text", "text": "x"}, picture]}
    sender.send("POST", "/v1/chat/completions", json={"model": "gpt-4o-2024-08-06", "messages": [message]})
    assert {200, 400} <= set(sender.statuses)
    assert_left_nowhere(installation, relay, needle)


@pytest.mark.contract("C07")
def test_in_what_is_no_http_at_all(installation: Installation, relay: CapturingRelay) -> None:
    """Heads that are refused by the parser, and a body that ends early."""
    needle = mark().encode()
    for sent in (
        needle + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + needle + b"\r\n\r\n",
        b"GET /%s HTTP/9.9\r\nhost: x\r\n\r\n" % needle,
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: %s\r\n\r\n" % needle,
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 999\r\n\r\n" + needle,
    ):
        with installation.connect("eu") as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(20)
            while connection.recv(65536):
                pass
    assert_left_nowhere(installation, relay, needle.decode())


@pytest.fixture
def second_admin(installation: Installation) -> Iterator[str]:
    made = installation.admin().admin.organization.admin_api_keys.create(name="second")
    yield made.value
    installation.admin().admin.organization.admin_api_keys.delete(made.id)


@pytest.mark.contract("C07")
def test_what_administrators_write_reaches_no_region_and_no_log(
    installation: Installation, relay: CapturingRelay, second_admin: str
) -> None:
    """Names are texts that somebody chose: they rest in the control plane's database, and nowhere else."""
    needle = mark()
    administration = installation.admin(second_admin).admin.organization
    for code in ("us", "eu"):
        residency = f"{code.upper()}_STORAGE_PROCESSING"
        project = administration.projects.create(name=needle, extra_body={"residency": residency})
        account = administration.projects.service_accounts.create(project.id, name=needle)
        assert account.api_key is not None
        answered = installation.client(code, account.api_key.value).models.list()
        assert answered.data
        administration.projects.update(project.id, name=f"{needle}2")
        administration.projects.service_accounts.update(account.id, project_id=project.id, name=f"{needle}2")
    extra = administration.admin_api_keys.create(name=needle)
    administration.admin_api_keys.delete(extra.id)
    made = installation.operator("POST", "/operator/v1/organizations", {"name": needle})
    assert made["name"] == needle
    with httpx2.Client(
        base_url=installation.control_url, headers={"authorization": f"Bearer {second_admin}"}
    ) as client:
        for _, headers in marked_headers(needle):
            client.get("/v1/organization/projects", headers=headers)
        client.get(f"/v1/organization/projects/{needle}?limit={needle}")
        client.post("/v1/organization/projects", json={"name": "x", needle: needle, "residency": needle})
    needles = forms(needle.encode())
    for name in ("region-us", "region-eu", "engine-us", "engine-eu"):
        assert in_memory(installation.processes[name].pid, needles) == [], name
    for folder in ("us", "eu", "logs"):
        assert in_files(installation.folder / folder, needles) == [], folder
    assert [form for form, encoded in needles.items() if encoded in relay.captured] == []
    resting = in_files(installation.folder / "control", needles)
    assert resting, "the search sees where they are"
    assert {place.partition(":")[0] for place in resting} <= {"control.db", "control.db-wal"}
