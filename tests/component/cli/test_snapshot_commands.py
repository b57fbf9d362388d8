"""Epochs, rotation and local blocks from the command line."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.component.cli.test_processes import SETTINGS, domicile

KEY = "opk-" + "k" * 40
SUBJECT = "key_" + "K" * 24


class Listener(HTTPServer):
    """A region's operator listener that keeps what it is asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str, str, bytes]] = []


class Handler(BaseHTTPRequestHandler):
    def answer(self) -> None:
        assert isinstance(self.server, Listener)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.asked.append((self.command, self.path, self.headers["authorization"], body))
        block = {"object": "region.block", "id": SUBJECT, "blocked_at": 0}
        answer = {
            "GET": {"object": "list", "data": [block]},
            "POST": block,
            "DELETE": {"id": SUBJECT, "deleted": True},
        }[self.command]
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = answer  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Nothing of this belongs in a test's output."""


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    server = Listener()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    region = tmp_path / ".domicile" / "eu"
    region.mkdir(parents=True)
    (region / "operator-url").write_text(f"http://127.0.0.1:{server.server_address[1]}\n")
    (region / "operator-key").write_text(f"{KEY}\n")
    yield server
    server.shutdown()
    server.server_close()


def test_a_block_is_made_listed_and_lifted_at_the_region_itself(tmp_path: Path, listener: Listener) -> None:
    for command in (("block", SUBJECT), ("blocks",), ("unblock", SUBJECT)):
        ended = domicile(tmp_path, "region", *command, "--region", "eu")
        assert ended.returncode == 0, ended.stderr
        assert SUBJECT in ended.stdout
        assert KEY not in ended.stdout + ended.stderr
    assert listener.asked == [
        ("POST", "/operator/v1/blocks", f"Bearer {KEY}", json.dumps({"id": SUBJECT}).encode()),
        ("GET", "/operator/v1/blocks", f"Bearer {KEY}", b""),
        ("DELETE", f"/operator/v1/blocks/{SUBJECT}", f"Bearer {KEY}", b""),
    ]


def test_without_the_region_here_it_says_where_to_run(tmp_path: Path) -> None:
    ended = domicile(tmp_path, "region", "block", SUBJECT, "--region", "eu")
    assert ended.returncode == 1
    assert "the region's machine" in ended.stderr


def test_rotation_needs_an_installation_and_its_root_key(tmp_path: Path) -> None:
    (tmp_path / "domicile.toml").write_text(SETTINGS)
    (tmp_path / "control").mkdir()
    (tmp_path / "root.key").write_bytes(b"k" * 32)
    ended = domicile(tmp_path, "control", "rotate-key", "--root-key", "root.key")
    assert (ended.returncode, "never been started" in ended.stderr) == (1, True), ended.stderr
    assert domicile(tmp_path, "control", "rotate-key", "--root-key", "absent").returncode == 2
    options = ("--root-key", "root.key", "--new-root-key", "next.key", "--leave-behind", "us", "--leave-behind", "eu")
    ended = domicile(tmp_path, "control", "rotate-root", *options)
    assert (ended.returncode, "never been started" in ended.stderr) == (1, True), ended.stderr
    assert not (tmp_path / "next.key").exists()
