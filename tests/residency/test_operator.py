"""The operator of a region sees how it works and nothing of what is asked in it; `domicile doctor` finds it well."""

import json
import socket
import subprocess
import sys

import httpx2
import pytest
from openai import AuthenticationError, BadRequestError
from openai.types.chat import ChatCompletionMessageParam

from tests.platform.installation import Installation, IssuedKey
from tests.platform.processes import eventually

CANARY = "canary-sought-everywhere"
_COMMAND = "from domicile.cli.main import run; run()"


def operated(installation: Installation, code: str, path: str, *, key_of: str | None = None) -> httpx2.Response:
    """A call to a region's operator listener, with its own operator's key unless another plane's is named."""
    folder = installation.folder / code
    files = {"control": installation.folder / "control" / "operator.key"}
    key = files.get(key_of or code, installation.folder / (key_of or code) / "operator-key").read_text().strip()
    return httpx2.get(
        f"{(folder / 'operator-url').read_text().strip()}{path}", headers={"authorization": f"Bearer {key}"}
    )


def hostile_requests(installation: Installation, key: IssuedKey) -> None:
    """What a caller writes, everywhere where he can write."""
    url = installation.region_url("eu")
    headers = {
        "authorization": f"Bearer {key.secret}",
        "x-request-id": CANARY,
        "user-agent": f'{CANARY}\\n","event":"request"',
        "x-forwarded-for": f"10.1.2.3, {CANARY}",
        "openai-organization": CANARY,
    }
    for path in (f"/{CANARY}", f"/v1/models/{CANARY}", f"/v1/models?key={CANARY}", "/%0a%7B%22event%22:%22" + CANARY):
        httpx2.get(f"{url}{path}", headers=headers)
        httpx2.get(f"{url}{path}", headers={"authorization": f"Bearer {CANARY}"})
    client = installation.client("eu", key.secret)
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": CANARY}]
    assert CANARY in str(client.chat.completions.create(model="gpt-4o-2024-08-06", messages=messages))
    with pytest.raises(BadRequestError):
        client.chat.completions.create(model="gpt-4o-2024-08-06", messages=messages, extra_body={CANARY: 1})
    with pytest.raises(AuthenticationError):
        installation.client("us", key.secret).chat.completions.create(model=CANARY, messages=messages)


@pytest.mark.parametrize("form", ["no key", "a project's key", "another plane's operator key"])
def test_its_listener_judges_on_the_head(installation: Installation, us_key: IssuedKey, form: str) -> None:
    """The body is announced and never sent: whoever waited for it would answer nothing."""
    url = httpx2.URL((installation.folder / "us" / "operator-url").read_text().strip())
    keys = {
        "a project's key": us_key.secret,
        "another plane's operator key": (installation.folder / "control" / "operator.key").read_text().strip(),
    }
    key = f"authorization: Bearer {keys[form]}\r\n" if form in keys else ""
    with socket.create_connection((url.host, url.port or 80), 30) as connection:
        connection.sendall(
            f"POST /operator/v1/blocks HTTP/1.1\r\nhost: x\r\n{key}content-length: 60000\r\n\r\n".encode()
        )
        answer = b""
        while part := connection.recv(65536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 401 ")


def test_neither_metrics_nor_health_nor_the_access_log_hold_what_a_caller_wrote(
    installation: Installation, eu_key: IssuedKey
) -> None:
    hostile_requests(installation, eu_key)
    texts = {path: operated(installation, "eu", path).text for path in ("/metrics", "/operator/v1/health")}
    texts["us"] = operated(installation, "us", "/metrics").text
    for name, text in texts.items():
        assert CANARY not in text, name
        assert eu_key.project_id not in text and eu_key.key_id not in text, name
    assert 'domicile_http_heads_refused_total{code="incorrect_hostname",status="401"}' in texts["us"]
    assert 'domicile_tokens_total{direction="input",model="gpt-4o-2024-08-06"}' in texts["/metrics"]
    assert 'domicile_engine_up{country="DE",engine="stub"} 1.0' in texts["/metrics"]


def test_the_access_log_says_who_and_how_much_and_never_what(installation: Installation, eu_key: IssuedKey) -> None:
    log = installation.folder / "logs" / "region-eu.log"
    written = len(log.read_bytes())
    hostile_requests(installation, eu_key)

    def lines() -> list[dict[str, object]]:
        # Every line is JSON of its own: nothing that a caller sends can begin another.
        found = [json.loads(line) for line in log.read_bytes()[written:].decode().splitlines()]
        return [line for line in found if line["event"] in {"request", "refused"}]

    answered = eventually(
        lambda: [line for line in lines() if line.get("route") == "/v1/chat/completions" and line["status"] == 200],
        what="the request is logged",
    )[0]
    assert (answered["project"], answered["key"]) == (eu_key.project_id, eu_key.key_id)
    assert answered["engine"] == "stub-engine-eu"
    assert int(str(answered["bytes_in"])) > len(CANARY) and int(str(answered["bytes_out"])) > len(CANARY)
    eventually(lambda: len(lines()) >= 10, what="all are logged")
    everything = log.read_text()
    for secret in (CANARY, eu_key.secret, "10.1.2.3", "127.0.0.1:", "user-agent"):
        assert secret not in "\n".join(json.dumps(line) for line in lines()), secret
    assert CANARY not in everything and eu_key.secret not in everything
    about = {"event", "level", "timestamp", "request_id", "status", "code"}
    more = {"method", "route", "ms", "bytes_in", "bytes_out", "engine", "project", "key"}
    for event, members in (("request", about | more), ("refused", about)):
        assert {name for line in lines() if line["event"] == event for name in line} == members


@pytest.mark.parametrize("other", ["us", "control"])
def test_each_plane_has_an_operators_key_of_its_own(installation: Installation, other: str) -> None:
    assert operated(installation, "eu", "/operator/v1/health").json()["region"] == "eu"
    assert operated(installation, "eu", "/operator/v1/health", key_of=other).status_code == 401


def test_the_doctor_finds_nothing_amiss(installation: Installation) -> None:
    for region in installation.regions:
        (installation.folder / region.code / "enrollment-token").chmod(0o600)
    done = subprocess.run(
        [sys.executable, "-c", _COMMAND, "doctor", "--config", str(installation.config), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(done.stdout)
    failed = [finding for finding in found if finding["state"] == "fail"]
    assert failed == [] and done.returncode == 0, done.stderr
    checked = {(finding["where"], finding["check"]) for finding in found if finding["state"] == "ok"}
    for code in ("us", "eu"):
        assert {(code, check) for check in ("process", "snapshot", "outbox", "engine stub", "enrolled")} <= checked
