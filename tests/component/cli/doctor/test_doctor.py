"""`domicile doctor`: what it sees in files and over HTTP, what it advises, and its exit status."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from typer.testing import CliRunner

from domicile.cli.doctor import files
from domicile.cli.doctor.certificates import check_certificates
from domicile.cli.doctor.examination import examine
from domicile.cli.doctor.finding import Finding, State
from domicile.cli.main import app
from domicile.settings.load import load_installation
from tests.platform.certificates import Issuer

KEY = "opk-" + "K" * 40
SNAPSHOT = {"epoch": 1, "number": 7, "issued_at": 1, "age_seconds": 3}
CLOCK = {"clock": {"correction_seconds": 0}}
OUTBOX: dict[str, Any] = {"depth": 0, "refused": 0, "oldest_unsent_age_seconds": None}
ROOT_KEY = {"root_key": "pk_1", "root_key_is_current": True}
REGIONS = {"data": [{"code": "eu", "enrolled": True, "replicas": [{}], **ROOT_KEY}]}


class Answers(ThreadingHTTPServer):
    """A real server for every part of an installation at once: path -> (status, JSON). Keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.paths: dict[str, tuple[int, Any]] = {
            "/healthz": (200, {}),
            "/health": (200, {}),
            "/operator/v1/regions": (200, REGIONS),
            "/operator/v1/health": (200, {**CLOCK, "snapshot": SNAPSHOT, "outbox": OUTBOX}),
        }
        self.ahead_s = 0.0
        self.keys: dict[str, str | None] = {}

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    server: Answers

    def do_GET(self) -> None:
        self.server.keys[self.path] = self.headers["authorization"]
        status, body = self.server.paths.get(self.path, (404, {}))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate((time.time() if timestamp is None else timestamp) + self.server.ahead_s, usegmt=True)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def answering() -> Iterator[Answers]:
    server = Answers()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def answers() -> Iterator[Answers]:
    with answering() as server:
        yield server


def written(
    folder: Path,
    answers: Answers,
    *,
    listen: str = "127.0.0.1",
    tls: str = "behind_proxy = false",
    country: str = "DE",
) -> Path:
    """An installation of one region whose every part is `answers`."""
    for plane in ("control", "eu"):
        (folder / plane).mkdir(mode=0o700)
        for name in ("operator-key", "identity.key"):
            file = folder / plane / name
            file.write_text(f"{KEY}\n")
            file.chmod(0o600)
    (folder / "eu" / "operator-url").write_text(f"http://127.0.0.1:{answers.port}\n")
    config = folder / "domicile.toml"
    config.write_text(f"""
home = "eu"
default_region = "eu"
[control]
listen = {{ host = "{listen}", port = {answers.port}, tls = {{ {tls} }} }}
boundary = {{ listen = {{ port = 0 }}, url = "http://127.0.0.1:{answers.port}" }}
country = "DE"
data = "control"
operator.key_file = "control/operator-key"
[[regions]]
code = "eu"
residency = "EU_STORAGE_PROCESSING"
geography = "EU"
countries = ["EEA"]
public_url = "https://eu.example.com"
listen = {{ port = 0 }}
data = "eu"
[[regions.engines]]
name = "one"
label = "one"
country = "{country}"
operator = "the tests"
url = "http://127.0.0.1:{answers.port}"
models = {{ "gpt-4o-2024-08-06" = "x" }}
""")
    return config


def bad(config: Path) -> list[Finding]:
    return [finding for finding in examine(config) if finding.state is not State.OK]


def only(found: list[Finding]) -> Finding:
    assert len(found) == 1, found
    return found[0]


def test_a_sound_installation_has_nothing_to_advise(tmp_path: Path, answers: Answers) -> None:
    config = written(tmp_path, answers)
    found = list(examine(config))
    assert [finding for finding in found if finding.state is not State.OK] == []
    told = {(finding.where, finding.check) for finding in found}
    assert told >= {
        ("configuration", "loads"),
        ("eu", "countries"),
        ("eu", "engine one"),
        ("eu", "enrolled"),
        ("eu", "root key"),
        ("eu", "process"),
        ("eu", "clock"),
        ("eu", "time"),
        ("eu", "snapshot"),
        ("eu", "outbox"),
        ("eu", "identity.key"),
        ("eu", "data folder"),
        ("eu", "disk"),
        ("eu", "operator listener"),
        ("control", "boundary"),
        ("control", "operator-key"),
    }
    assert answers.keys["/operator/v1/health"] == f"Bearer {KEY}"
    # A key goes to the listener that it is for and nowhere else.
    assert answers.keys["/health"] is None and answers.keys["/healthz"] is None


@pytest.mark.parametrize(("name", "mode"), [("eu/identity.key", 0o640), ("control/operator-key", 0o604), ("eu", 0o755)])
def test_what_others_can_read_is_a_failure(tmp_path: Path, answers: Answers, name: str, mode: int) -> None:
    config = written(tmp_path, answers)
    (tmp_path / name).chmod(mode)
    finding = only(bad(config))
    assert finding.state is State.FAIL
    assert finding.advice == f"chmod {0o700 if name == 'eu' else 0o600:04o} {tmp_path / name}"


def test_files_of_somebody_else_are_a_failure(tmp_path: Path, answers: Answers) -> None:
    config = written(tmp_path, answers)
    with patch("os.geteuid", return_value=tmp_path.stat().st_uid + 1):
        found = bad(config)
    assert found and {finding.state for finding in found} == {State.FAIL}
    assert all("belongs to" in finding.found for finding in found)


@pytest.mark.parametrize(("limit", "state"), [("ROOM_WARN_BYTES", State.WARN), ("ROOM_FAIL_BYTES", State.FAIL)])
def test_a_full_disk(
    tmp_path: Path, answers: Answers, monkeypatch: pytest.MonkeyPatch, limit: str, state: State
) -> None:
    config = written(tmp_path, answers)
    monkeypatch.setattr(files, limit, 2**62)
    found = bad(config)
    assert {(finding.check, finding.state) for finding in found} == {("disk", state)}


def test_a_configuration_with_an_engine_outside_is_the_only_finding(tmp_path: Path, answers: Answers) -> None:
    found = list(examine(written(tmp_path, answers, country="US")))
    assert {(finding.where, finding.state) for finding in found} == {("configuration", State.FAIL)}
    assert "engine 'one' stands in US" in found[0].found


def test_an_engine_is_asked_where_its_health_is_and_one_that_wants_its_key_for_it_is_not(
    tmp_path: Path, answers: Answers
) -> None:
    config = written(tmp_path, answers)
    block = config.read_text()
    url = f'\nurl = "http://127.0.0.1:{answers.port}"'
    for changed, asked in (
        (f'\nurl = "http://127.0.0.1:{answers.port}/team/v1"', "/team/health"),
        (f'{url}\nhealth_path = "/alive"', "/alive"),
    ):
        config.write_text(block.replace(url, changed))
        answers.keys.clear()
        [finding] = [finding for finding in examine(config) if finding.check == "engine one"]
        assert (finding.state, asked in answers.keys) == (State.FAIL, True), finding
        assert f"{asked.removeprefix('/team')} answers 404" in finding.found
    for changed in (f'{url}\nhealth_path = "none"', f'{url}\nvendor = "openai"\napi_key_env = "KEY"'):
        config.write_text(block.replace(url, changed))
        answers.keys.clear()
        [finding] = [finding for finding in examine(config) if finding.check == "engine one"]
        assert (finding.state, "/health" in answers.keys, "/v1/models" in answers.keys) == (State.OK, False, False)


def test_a_listener_for_other_machines_is_shown_with_who_may_reach_it(tmp_path: Path, answers: Answers) -> None:
    tls = 'behind_proxy = true, trusted_proxies = ["127.0.0.0/8"]'
    found = list(examine(written(tmp_path, answers, listen="0.0.0.0", tls=tls)))
    assert {finding.state for finding in found} == {State.OK}
    shown = only([finding for finding in found if finding.check == "Admin API listener"])
    assert "only for the TLS proxy at 127.0.0.0/8" in shown.found


def test_a_listener_over_tls_is_asked_and_its_certificate_must_be_the_one_in_the_file(
    tmp_path: Path, answers: Answers
) -> None:
    issuer = Issuer(tmp_path / "tls", "control.example.com")
    tls = 'certificate_file = "tls/certificate.pem", key_file = "tls/key.pem"'
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issuer.certificate_file, issuer.key_file)
    with answering() as admin:
        admin.socket = context.wrap_socket(admin.socket, server_side=True)
        config = written(tmp_path, answers, tls=tls)
        config.write_text(config.read_text().replace(f"port = {answers.port}, tls", f"port = {admin.port}, tls"))
        found = list(examine(config))
        assert {finding.state for finding in found} == {State.OK}
        assert {"Admin API certificate", "key.pem"} <= {finding.check for finding in found}
        assert admin.keys["/operator/v1/regions"] == f"Bearer {KEY}"
        admin.keys.clear()
        # Another one, from the same issuer and for the same name, is not the listener's.
        issuer.renew()
        assert {(finding.check, finding.state) for finding in bad(config)} == {("Admin API", State.FAIL)}
        assert admin.keys == {}


@pytest.mark.parametrize(("days", "state"), [(-1, State.FAIL), (5, State.WARN), (30, State.OK)])
def test_a_certificate_that_ends(tmp_path: Path, answers: Answers, days: int, state: State) -> None:
    issuer = Issuer(tmp_path / "tls")
    issuer.renew(until=datetime.now(UTC) + timedelta(days=days))
    tls = 'certificate_file = "tls/certificate.pem", key_file = "tls/key.pem"'
    installation = load_installation(written(tmp_path, answers, tls=tls))
    assert only(list(check_certificates(installation))).state is state


def test_a_key_that_does_not_fit_its_certificate(tmp_path: Path, answers: Answers) -> None:
    Issuer(tmp_path / "other").key_file.replace(Issuer(tmp_path / "tls").key_file)
    tls = 'certificate_file = "tls/certificate.pem", key_file = "tls/key.pem"'
    installation = load_installation(written(tmp_path, answers, tls=tls))
    assert only(list(check_certificates(installation))).state is State.FAIL


@pytest.mark.parametrize(
    ("seconds", "state"), [(-2, None), (2, None), (20, State.WARN), (-20, State.WARN), (400, State.FAIL)]
)
def test_clocks_that_differ(tmp_path: Path, answers: Answers, seconds: int, state: State | None) -> None:
    answers.ahead_s = seconds
    found = bad(written(tmp_path, answers))
    assert {(finding.where, finding.check, finding.state) for finding in found} == (
        set() if state is None else {("control", "clock", state), ("eu", "clock", state)}
    )


@pytest.mark.parametrize(
    ("path", "answer", "check", "state"),
    [
        ("/health", (503, {}), "engine one", State.FAIL),
        ("/healthz", (503, {}), "Admin API", State.FAIL),
        ("/operator/v1/regions", (401, {}), "operator key", State.FAIL),
        (
            "/operator/v1/regions",
            (200, {"data": [{"code": "eu", "enrolled": False, "replicas": []}]}),
            "enrolled",
            State.FAIL,
        ),
        (
            "/operator/v1/regions",
            (200, {"data": [REGIONS["data"][0] | {"root_key_is_current": False}]}),
            "root key",
            State.WARN,
        ),
        ("/operator/v1/health", (401, {}), "process", State.FAIL),
        ("/operator/v1/health", (200, {**CLOCK, "snapshot": None, "outbox": OUTBOX}), "snapshot", State.FAIL),
        (
            "/operator/v1/health",
            (200, {**CLOCK, "snapshot": SNAPSHOT | {"age_seconds": 60}, "outbox": OUTBOX}),
            "snapshot",
            State.WARN,
        ),
        (
            "/operator/v1/health",
            (200, {**CLOCK, "snapshot": SNAPSHOT | {"age_seconds": 3600}, "outbox": OUTBOX}),
            "snapshot",
            State.FAIL,
        ),
        (
            "/operator/v1/health",
            (200, {"clock": {"correction_seconds": -3600}, "snapshot": SNAPSHOT, "outbox": OUTBOX}),
            "time",
            State.WARN,
        ),
        ("/operator/v1/health", (200, {**CLOCK, "snapshot": SNAPSHOT, "outbox": None}), "outbox", State.FAIL),
        (
            "/operator/v1/health",
            (200, {**CLOCK, "snapshot": SNAPSHOT, "outbox": OUTBOX | {"refused": 1}}),
            "outbox",
            State.WARN,
        ),
        (
            "/operator/v1/health",
            (200, {**CLOCK, "snapshot": SNAPSHOT, "outbox": OUTBOX | {"oldest_unsent_age_seconds": 300}}),
            "outbox",
            State.WARN,
        ),
        (
            "/operator/v1/health",
            (200, {**CLOCK, "snapshot": SNAPSHOT, "outbox": OUTBOX | {"oldest_unsent_age_seconds": 86_400}}),
            "outbox",
            State.FAIL,
        ),
    ],
)
def test_what_the_parts_say(
    tmp_path: Path, answers: Answers, path: str, answer: tuple[int, Any], check: str, state: State
) -> None:
    answers.paths[path] = answer
    finding = only(bad(written(tmp_path, answers)))
    assert (finding.check, finding.state) == (check, state)
    assert finding.advice


def test_nothing_runs(tmp_path: Path, answers: Answers) -> None:
    config = written(tmp_path, answers)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        dead = taken.getsockname()[1]
    text = config.read_text().replace(str(answers.port), str(dead))
    config.write_text(text)
    (tmp_path / "eu" / "operator-url").write_text(f"http://127.0.0.1:{dead}\n")
    assert {finding.check for finding in bad(config)} == {"Admin API", "boundary", "engine one", "process"}


def test_a_plane_that_runs_elsewhere_is_said_to(tmp_path: Path, answers: Answers) -> None:
    config = written(tmp_path, answers)
    config.write_text(config.read_text().replace('data = "eu"', 'data = "elsewhere"'))
    assert {(finding.check, finding.state) for finding in bad(config)} == {
        ("data folder", State.WARN),
        ("process", State.FAIL),
    }


def test_the_exit_status_and_json(tmp_path: Path, answers: Answers) -> None:
    config = written(tmp_path, answers)
    sound = CliRunner().invoke(app, ["doctor", "--data", str(tmp_path), "--json"])
    assert sound.exit_code == 0
    assert {finding["state"] for finding in json.loads(sound.stdout)} == {"ok"}
    (tmp_path / "eu" / "identity.key").chmod(0o644)
    broken = CliRunner().invoke(app, ["doctor", "--config", str(config)])
    assert broken.exit_code == 1
    assert "fail" in broken.stdout and "1 failed" in broken.stderr
    assert KEY not in sound.stdout + broken.stdout
