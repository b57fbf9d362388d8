"""A small real process in the place of a plane: `stand_in.py control|region|engine ...`, as the supervisor starts it.

It serves what the supervisor asks for, keeps what the supervisor relies on (keys, enrollments), appends its process id to
the file `processes` in its folder, and misbehaves when it is told to.
"""

import argparse
import json
import os
import signal
import socketserver
import sys
import threading
import time
import tomllib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Routes = Callable[[str, str, str | None], tuple[int, Any]]

OPERATOR_KEY = "opk-stand-in"
ADMIN_KEY = "sk-admin-stand-in"


class Handler(BaseHTTPRequestHandler):
    """Answers from `routes`: method and path to status and body."""

    routes: Routes

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    def address_string(self) -> str:
        """A Unix socket has no address to show."""
        return ""

    def _answer(self) -> None:
        status, body = self.routes(self.command, self.path, self.headers.get("Authorization"))
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _answer  # noqa: N815 - http.server's names


class UnixServer(socketserver.ThreadingUnixStreamServer):
    """The same over a Unix socket."""

    daemon_threads = True


def follow_parent(let_go: Path | None) -> None:
    """Ends this process when the supervisor is gone, or only once a file is there."""

    def follow() -> None:
        while os.read(0, 4096):
            pass
        while let_go is not None and not let_go.exists():
            time.sleep(0.02)
        os._exit(0)

    threading.Thread(target=follow, daemon=True).start()


def control(config: dict[str, Any], folder: Path, _code: str | None) -> tuple[tuple[str, int], Routes]:
    """Keys at the first start; enrollment as the supervisor sees it."""
    settings = config["control"]
    for named, key in (
        (settings["operator"]["key_file"], OPERATOR_KEY),
        (settings["first_organization"]["admin_key_file"], ADMIN_KEY),
    ):
        path = folder / named
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(key + "\n")
        path.chmod(0o600)
    data = folder / settings["data"]

    def routes(method: str, path: str, authorization: str | None) -> tuple[int, Any]:
        if (method, path) == ("GET", "/healthz"):
            return 200, {}
        if authorization != f"Bearer {OPERATOR_KEY}":
            return 403, {"error": {"message": "operator key", "code": "operator_key_required"}}
        codes = [region["code"] for region in config["regions"]]
        if (method, path) == ("GET", "/operator/v1/regions"):
            return 200, {"data": [{"code": code, "enrolled": (data / f"enrolled-{code}").exists()} for code in codes]}
        for code in codes:
            if (method, path) == ("POST", f"/operator/v1/regions/{code}/enrollment_tokens"):
                with (data / "tokens").open("a") as file:
                    file.write(code + "\n")
                return 200, {"token": f"token-{code}"}
        return 404, {}

    return ("127.0.0.1", settings["listen"]["port"]), routes


def region(config: dict[str, Any], folder: Path, code: str | None) -> tuple[tuple[str, int], Routes]:
    """Needs a token once."""
    settings = next(found for found in config["regions"] if found["code"] == code)
    mark = folder / config["control"]["data"] / f"enrolled-{code}"
    if not mark.exists():
        token = folder / settings["enrollment"]["token_file"]
        if token.read_text().strip() != f"token-{code}" or token.stat().st_mode & 0o077:
            sys.exit(f"region {code}: not enrolled, and the token is wrong or open to others")
        mark.touch()
    return ("127.0.0.1", settings["listen"]["port"]), lambda *_: (200, {})


def plane(options: argparse.Namespace) -> tuple[socketserver.BaseServer, Path]:
    """The server of a control plane or a region, and where its process id is kept."""
    config = tomllib.loads(options.config.read_text())
    place, routes = (control if options.kind == "control" else region)(config, options.root, options.region)
    if options.unready:
        routes = _unready
    record = options.root / (options.region or "control") / f"processes-{options.kind}"
    return ThreadingHTTPServer(place, _bound(routes)), record


def engine(options: argparse.Namespace) -> tuple[socketserver.BaseServer, Path]:
    """The server of an engine, likewise."""
    options.socket.unlink(missing_ok=True)
    record = options.root / "engines" / f"processes-{'-'.join(options.socket.parts[-2:])}"
    return UnixServer(str(options.socket), _bound(lambda *_: (200, {}))), record


def _unready(*_: object) -> tuple[int, Any]:
    return 503, {"reason": "not today"}


def _bound(routes: Routes) -> type[Handler]:
    return type("Bound", (Handler,), {"routes": staticmethod(routes)})


def main() -> None:
    """As the real ones: the options that the supervisor gives, and a few to misbehave."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["control", "region", "engine"])
    parser.add_argument("--config", type=Path)
    parser.add_argument("--region")
    parser.add_argument("--socket", type=Path)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--log-level")
    parser.add_argument("--follow-parent", action="store_true", required=True)
    parser.add_argument("--root", type=Path, required=True, help="the data folder of `up`")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--dies", action="store_true", help="say so and exit with status 7")
    parser.add_argument("--unready", action="store_true", help="answer 503")
    parser.add_argument("--lingers", action="store_true", help="outlive the supervisor until DATA/let-go is there")
    parser.add_argument("--deaf", action="store_true", help="ignore SIGTERM")
    options = parser.parse_args()
    if options.dies:
        sys.stderr.write("I have nothing to live for\n")
        sys.exit(7)
    follow_parent(options.root / "let-go" if options.lingers else None)
    if options.deaf:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    server, record = engine(options) if options.kind == "engine" else plane(options)
    record.parent.mkdir(exist_ok=True)
    with record.open("a") as file:
        file.write(f"{os.getpid()}\n")
    server.serve_forever()


if __name__ == "__main__":
    main()
