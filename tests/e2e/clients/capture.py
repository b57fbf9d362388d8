"""Record what a client sends, for the clients that are too heavy for the lock. `domicile up` runs beside it.

    python -m tests.e2e.clients.capture http://127.0.0.1:8702 8790 llm 0.36 "how it was pointed here"

The client is pointed at port 8790 with a key of that region, and holds a short conversation. Ctrl-C ends the recording. The
requests then stand in `captured/llm.json`, without keys. What a request repeats of an answer before it is a placeholder
there, which the test fills from its own answers. The small model calls tools and fills in documents best at `temperature` 0.
"""

import contextlib
import http.client
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.e2e.clients.answers import read_answer, repeated, replace_texts

CAPTURED = Path(__file__).parent / "captured"
# The others name the machine, carry the key or follow from the body.
KEPT_HEADERS = frozenset({"accept", "accept-encoding", "content-type", "user-agent"})
KEPT_HEADERS |= {"connection", "http2-settings", "transfer-encoding", "upgrade"}
KEPT_HEADERS |= {
    "x-stainless-lang",
    "x-stainless-package-version",
    "x-stainless-retry-count",
    "x-stainless-raw-response",
}
NOT_PASSED_ON = frozenset({"connection", "content-length", "host", "http2-settings", "transfer-encoding", "upgrade"})


class Recording:
    """The requests of one client, in order, and what was answered last."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.answered: dict[str, str] = {}

    def add(self, method: str, path: str, headers: dict[str, str], body: Any, reply: http.client.HTTPResponse) -> bytes:
        """Notes a request and reads its reply, which must have succeeded."""
        content = reply.read()
        assert reply.status == 200, content
        values = {text: placeholder for placeholder, text in self.answered.items()}
        body = replace_texts(body, values, whole=True)
        ids = {text: placeholder for text, placeholder in values.items() if placeholder == "<call.id>"}
        body = replace_texts(body, ids, whole=False)
        kept = {name: value for name, value in headers.items() if name.lower() in KEPT_HEADERS}
        request = {"method": method, "path": path, "headers": kept, "body": body}
        self.requests.append(request | {"ignored": reply.headers.get("domicile-ignored")})
        if path == "/v1/chat/completions":
            self.answered |= repeated(read_answer(content.decode(), streamed=bool(body.get("stream"))))
        return content


class Proxy(BaseHTTPRequestHandler):
    """Passes one request at a time to the region and records it."""

    protocol_version = "HTTP/1.1"
    upstream: str
    recording: Recording

    def do_POST(self) -> None:
        if "transfer-encoding" in self.headers:
            body = b"".join(iter(self._next_chunk, b""))
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = dict(self.headers.items())
        connection = http.client.HTTPConnection(self.upstream)
        passed_on = {name: value for name, value in headers.items() if name.lower() not in NOT_PASSED_ON}
        connection.request(self.command, self.path, body or None, passed_on)
        reply = connection.getresponse()
        content = self.recording.add(self.command, self.path, headers, json.loads(body or b"null"), reply)
        self.send_response(reply.status)
        self.send_header("content-type", reply.headers["content-type"])
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST  # noqa: N815 - the name that the base class looks for

    def _next_chunk(self) -> bytes:
        size = int(self.rfile.readline().split(b";")[0], 16)
        return self.rfile.read(size + 2)[:size] if size else b""


def main(upstream: str, port: str, client: str, version: str, setup: str) -> None:
    Proxy.upstream = urlsplit(upstream).netloc
    Proxy.recording = Recording()
    with ThreadingHTTPServer(("127.0.0.1", int(port)), Proxy) as server, contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
    captured = {"client": client, "version": version, "setup": setup, "requests": Proxy.recording.requests}
    text = json.dumps(captured, indent=1, ensure_ascii=False)
    (CAPTURED / f"{client}.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
