"""Every kind of caller at every path of every listener: the table of tests/architecture/authorization.toml, tried."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from domicile.boundary import signing
from domicile.data_plane.identity import load_or_make_key
from domicile.kernel.ids import new_id
from tests.architecture.authorization import Entry, read_table
from tests.platform.installation import Installation
from tests.platform.processes import eventually

TABLE = read_table()
PROJECTS = "/v1/organization/projects"
ADMIN_KEYS = "/v1/organization/admin_api_keys"
EXTERNAL_KEYS = "/v1/organization/external_keys"
EXTERNAL_STORAGE = "/v1/organization/external_storage"
MODEL = "gpt-4o-2024-08-06"


@dataclass
class Callers:
    """What each kind of caller sends beside the request, and who owns the objects that are asked for."""

    installation: Installation
    admin: httpx2.Client
    anyone: httpx2.Client
    """Sends no header by itself."""
    bearers: dict[str, str]
    organization_id: str

    def headers(self, kind: str, entry: Entry, target: str, body: bytes) -> dict[str, str]:
        if kind == "no key":
            return {}
        if kind in {"region signature", "another region's signature"}:
            code = "eu" if kind == "region signature" else "us"
            return signing.request_headers(
                load_or_make_key(self.installation.folder / code / "identity.key"),
                region="eu",
                replica=new_id("rep_"),
                method=entry.method,
                target=target,
                timestamp_ms=time.time_ns() // 1_000_000,
                body=body,
            )
        return {"authorization": f"Bearer {self.bearers[kind]}"}

    def objects(self, entry: Entry) -> dict[str, str]:
        """New ones where the call changes them: each is the organization's own."""
        others = {
            "organization_id": self.organization_id,
            "code": "us",
            "sha256": "0" * 64,
            "model": MODEL,
            "subject": "key_" + "1" * 24,
            "image_id": "img_" + "1" * 24,
            "file_id": "file-" + "1" * 24,
            "upload_id": "upload_" + "1" * 24,
            "batch_id": "batch_" + "1" * 24,
            "rate_limit_id": "rl_gpt-4o-2024-08-06",
        }
        if "admin_api_keys/" in entry.path:
            return others | {"key_id": made(self.admin.post(ADMIN_KEYS, json={"name": "object"}))["id"]}
        if "{external_key_id}" in entry.path:
            key = {"type": "aws", "name": "object", "kms_arn": "arn:aws:kms:us-east-1:123456789012:key/object"}
            return others | {"external_key_id": made(self.admin.post(EXTERNAL_KEYS, json=key))["id"]}
        if "{external_storage_id}" in entry.path:
            return others | {"external_storage_id": self._storage(is_to_go=entry.method == "DELETE")}
        if "{entitlement_id}" in entry.path:
            project = made(self.admin.post(PROJECTS, json={"name": "object"}))["id"]
            units = {"model": MODEL, "input_units": 1, "output_units": 1, "ends_at": 4_000_000_000}
            sold = self.installation.operator("POST", "/operator/v1/entitlements", {"project_id": project, **units})
            return others | {"project_id": project, "entitlement_id": sold["id"]}
        owner, _, spending = entry.path.partition("/spend_")
        if "{project_id}" not in entry.path:
            return others | self._spending(owner, spending)
        project = made(self.admin.post(PROJECTS, json={"name": "object"}))["id"]
        others |= self._spending(owner.replace("{project_id}", project), spending)
        account = made(self.admin.post(f"{PROJECTS}/{project}/service_accounts", json={"name": "object"}))
        return others | {"project_id": project, "account_id": account["id"], "key_id": account["api_key"]["id"]}

    def _spending(self, owner: str, path: str) -> dict[str, str]:
        """A limit that is not in the others' way, or an alert."""
        limit = {"threshold_amount": 10_000_000, "currency": "USD", "interval": "month"}
        if path == "limit":
            made(self.admin.post(f"{owner}/spend_limit", json=limit))
            if owner == "/v1/organization":
                # The other organization's admin is served too, with that organization's own limit.
                with client(self.installation, self.bearers["another organization's admin key"]) as other:
                    made(other.post(f"{owner}/spend_limit", json=limit))
        if path.startswith("alerts/"):
            alert = {**limit, "notification_channel": {"type": "email", "recipients": []}}
            return {"alert_id": made(self.admin.post(f"{owner}/spend_alerts", json=alert))["id"]}
        return {}

    def _storage(self, *, is_to_go: bool) -> str:
        project = made(self.admin.post(PROJECTS, json={"name": "object"}))["id"]
        provider = {"type": "aws", "bucket": "object", "region": "us-east-1", "country": "US"}
        storage = made(self.admin.post(EXTERNAL_STORAGE, json={"project_id": project, "provider": provider}))
        if is_to_go:
            made(self.admin.post(f"{PROJECTS}/{project}/archive"))
        return str(storage["id"])


def made(answer: httpx2.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def client(installation: Installation, key: str) -> httpx2.Client:
    return httpx2.Client(base_url=installation.control_url, headers={"authorization": f"Bearer {key}"}, timeout=20)


def secret_of(installation: Installation, file: str) -> str:
    return (installation.folder / file).read_text().strip()


@pytest.fixture(scope="module")
def callers(installation: Installation) -> Iterator[Callers]:
    """One organization with a key of every kind, and another one with an admin key."""
    organization = installation.operator("POST", "/operator/v1/organizations", {"name": "owner"})
    other = installation.operator("POST", "/operator/v1/organizations", {"name": "other"})
    granted = {"enterprise_agreement": True, "zdr_eligible": True, "zdr_endpoints": "all"}
    installation.operator("POST", f"/operator/v1/organizations/{organization['id']}", granted)
    first = organization["admin_api_key"]["value"]
    with client(installation, first) as admin, httpx2.Client(timeout=20) as anyone:

        def project_key(region: str, **members: Any) -> tuple[str, str, str]:
            project = made(admin.post(PROJECTS, json={"name": "caller", "geography": region}))["id"]
            account = made(admin.post(f"{PROJECTS}/{project}/service_accounts", json={"name": "caller", **members}))
            return project, account["api_key"]["id"], account["api_key"]["value"]

        archived, revoked = project_key("EU"), project_key("EU")
        made(admin.post(f"{PROJECTS}/{archived[0]}/archive"))
        made(admin.delete(f"{PROJECTS}/{revoked[0]}/api_keys/{revoked[1]}"))
        deleted = made(admin.post(ADMIN_KEYS, json={"name": "deleted"}))
        made(admin.delete(f"{ADMIN_KEYS}/{deleted['id']}"))
        expired = project_key("EU", expires_in_seconds=1)[2]
        expired_admin = made(admin.post(ADMIN_KEYS, json={"name": "expired", "expires_in_seconds": 1}))["value"]
        bearers = {
            "malformed key": "sk-eu-1" + "0" * 38,
            "project key": project_key("EU")[2],
            "another region's project key": project_key("US")[2],
            "archived project's key": archived[2],
            "expired project key": expired,
            "revoked project key": revoked[2],
            "admin key": first,
            "another organization's admin key": other["admin_api_key"]["value"],
            "expired admin key": expired_admin,
            "deleted admin key": deleted["value"],
            "operator key": secret_of(installation, "control/operator.key"),
            "region's operator key": secret_of(installation, "eu/operator-key"),
            "another region's operator key": secret_of(installation, "us/operator-key"),
        }
        asked = {"authorization": f"Bearer {expired}"}
        models = f"{installation.region_url('eu')}/v1/models"
        eventually(lambda: anyone.get(models, headers=asked).status_code == 401)
        with client(installation, expired_admin) as late:
            eventually(lambda: late.get(PROJECTS).status_code == 401)
        yield Callers(installation, admin, anyone, bearers, organization["id"])


def url_of(installation: Installation, listener: str) -> str:
    return {
        "control": installation.control_url,
        "boundary": f"http://127.0.0.1:{installation.boundary_port}",
        "region": installation.region_url("eu"),
        "region operator": secret_of(installation, "eu/operator-url"),
    }[listener]


def answer_to(callers: Callers, entry: Entry, kind: str, objects: dict[str, str]) -> str:
    """Status, and the error's code where there is one."""
    target = re.sub(r"\{(\w+)(?::path)?\}", lambda name: objects[name[1]], entry.path)
    if "/organization/usage/" in entry.path or entry.path.endswith("/organization/costs"):
        target += "?start_time=1"
    body = (entry.body or "").encode()
    headers = callers.headers(kind, entry, target, body) | {"content-type": "application/json"}
    url = url_of(callers.installation, entry.listener) + target
    answer = callers.anyone.request(entry.method, url, headers=headers, content=body)
    if answer.status_code == 200:
        return "200"
    error = json.loads(answer.content)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    for secret in callers.bearers.values():
        assert secret not in answer.text
    return f"{answer.status_code} {error['code']}"


@pytest.mark.contract("C14")
@pytest.mark.parametrize("entry", TABLE.entries, ids=lambda entry: f"{entry.listener} {entry.method} {entry.path}")
def test_every_kind_of_caller(callers: Callers, entry: Entry) -> None:
    expected, found = {}, {}
    objects = callers.objects(entry)
    # Who is let in comes last: what was refused must not have been in its way.
    for kind, answer in sorted(TABLE.audiences[entry.audience].answers.items(), key=lambda each: each[1] == "served"):
        expected[kind] = entry.served if answer == "served" else answer
        found[kind] = answer_to(callers, entry, kind, objects)
    assert found == expected


@pytest.mark.parametrize("listener", sorted({entry.listener for entry in TABLE.entries}))
def test_what_is_not_there_is_no_way_around(callers: Callers, listener: str) -> None:
    """An unknown URL tells nobody more than a known one does; at a region it needs a key like everything else.

    At the control plane a project's key says by itself which host it is for, whether it is valid or not.
    """
    entry = Entry(listener, "GET", "/v1/nothing", "", "404 unknown_url", None)
    guarded = {"region": "caller", "region operator": "region's operator"}
    for kind in TABLE.kinds:
        if listener in guarded:
            answer = TABLE.audiences[guarded[listener]].answers[kind]
        else:
            is_of_project = kind.endswith(("project key", "project's key"))
            answer = "401 incorrect_hostname" if is_of_project else "served"
        assert answer_to(callers, entry, kind, {}) == (entry.served if answer == "served" else answer), kind
