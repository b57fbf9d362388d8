"""A control plane that answers as it is told and remembers what it was asked; and the command, run as at a terminal."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from domicile.cli import main

ADMIN_KEY = "sk-admin-1test"
OPERATOR_KEY = "opk-test"


@dataclass
class Call:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    key: str
    body: Any


@dataclass
class Stub:
    """A server on a port of its own."""

    url: str = ""
    answers: dict[tuple[str, str], list[tuple[int, Any]]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)

    def answer(self, method: str, path: str, body: Any, status: int = 200) -> None:
        """Queues an answer for a path."""
        self.answers.setdefault((method, path), []).append((status, body))


def _body(content_type: str, content: bytes) -> Any:
    """JSON as its value, anything else as it came."""
    if not content:
        return None
    return json.loads(content) if content_type == "application/json" else content


def _handler(stub: Stub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            key = self.headers.get("Authorization", "").removeprefix("Bearer ")
            stub.calls.append(
                Call(
                    self.command,
                    parts.path,
                    dict(parse_qsl(parts.query)),
                    key,
                    _body(self.headers.get("Content-Type", ""), content),
                )
            )
            queued = stub.answers.get((self.command, parts.path))
            status, body = queued.pop(0) if queued else (418, {"unexpected": self.path})
            sent = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(sent)))
            if 300 <= status < 400:
                self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - http.server's names

    return Handler


@contextmanager
def serving_stub(context: ssl.SSLContext | None = None) -> Iterator[Stub]:
    """The server; with a context it speaks TLS."""
    stub = Stub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(stub))
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    stub.url = f"{'http' if context is None else 'https'}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def stub() -> Iterator[Stub]:
    """In clear."""
    with serving_stub() as stub:
        yield stub


@pytest.fixture
def data(stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder as `up` leaves it, in an environment that names nothing else."""
    for name in (
        "CA_FILE",
        "CONTROL_URL",
        "ADMIN_KEY",
        "ADMIN_KEY_FILE",
        "OPERATOR_KEY",
        "OPERATOR_KEY_FILE",
        "API_KEY",
        "API_KEY_FILE",
    ):
        monkeypatch.delenv(f"DOMICILE_{name}", raising=False)
    (tmp_path / "admin-key").write_text(ADMIN_KEY + "\n")
    (tmp_path / "operator-key").write_text(OPERATOR_KEY + "\n")
    endpoints = {
        "control": {"url": stub.url},
        "regions": {"eu": {"url": f"{stub.url}/v1"}},
        "admin_key_file": str(tmp_path / "admin-key"),
        "operator_key_file": "operator-key",
    }
    (tmp_path / "endpoints.json").write_text(json.dumps(endpoints))
    return tmp_path


@dataclass
class Result:
    """What a command left behind."""

    status: int
    out: str
    err: str


Domicile = Callable[..., Result]


@pytest.fixture
def domicile(data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Domicile:
    """Runs the console script's function with these arguments, in an empty folder."""
    (data / "here").mkdir()
    monkeypatch.chdir(data / "here")

    def run(*arguments: str, connected: bool = True) -> Result:
        options = ("--data", str(data)) if connected else ()
        monkeypatch.setattr("sys.argv", ["domicile", *arguments, *options])
        with pytest.raises(SystemExit) as ended:
            main.run()
        printed = capsys.readouterr()
        return Result(int(ended.value.code or 0), printed.out, printed.err)

    return run
