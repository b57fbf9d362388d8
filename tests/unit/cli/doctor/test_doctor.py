"""`domicile doctor`: what it sees in files and over HTTP, what it advises, and its exit status."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from typer.testing import CliRunner

from domicile.cli.doctor import files
from domicile.cli.doctor.examination import examine
from domicile.cli.doctor.finding import Finding, State
from domicile.cli.main import app

KEY = "opk-" + "K" * 40
SNAPSHOT = {"epoch": 1, "number": 7, "issued_at": 1, "age_seconds": 3}
CLOCK = {"clock": {"correction_seconds": 0}}
OUTBOX: dict[str, Any] = {"depth": 0, "refused": 0, "oldest_unsent_age_seconds": None}
REGIONS = {"data": [{"code": "eu", "enrolled": True, "replicas": [{}]}]}


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


def written(folder: Path, answers: Answers, *, listen: str = "127.0.0.1", country: str = "DE") -> Path:
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
listen = {{ host = "{listen}", port = {answers.port}, behind_tls_proxy = {str(listen != "127.0.0.1").lower()} }}
boundary_listen = {{ port = 0 }}
boundary_url = "http://127.0.0.1:{answers.port}"
country = "DE"
data = "control"
operator_key_file = "control/operator-key"
[[regions]]
code = "eu"
residency = "EU_STORAGE_PROCESSING"
geography = "EU"
countries = ["EEA"]
public_url = "http://eu.example.com"
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


def test_a_listener_for_other_machines_is_pointed_at(tmp_path: Path, answers: Answers) -> None:
    finding = only(bad(written(tmp_path, answers, listen="0.0.0.0")))
    assert (finding.state, finding.check) == (State.WARN, "Admin API listener")


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
