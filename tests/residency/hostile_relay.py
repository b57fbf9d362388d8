"""Stands at the boundary and passes everything on, until it is told to answer a region's next poll by itself."""

import contextlib
import http.client
import socket
import threading
from collections import defaultdict, deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from domicile.boundary import protocol
from domicile.boundary.signing import REGION_HEADER


class HostileRelay:
    """It holds no key of anybody: all it has is what it has seen, and what a test hands to it."""

    def __init__(self, target_port: int) -> None:
        self.snapshots: dict[str, list[bytes]] = defaultdict(list)
        """Every snapshot that was delivered, by region, the oldest first."""
        self._script: dict[str, deque[bytes]] = defaultdict(deque)
        self._waiting: dict[str, set[socket.socket]] = defaultdict(set)
        self._lock = threading.Lock()
        self._target_port = target_port
        relay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self._pass_on()

            def do_GET(self) -> None:
                self._pass_on()

            def _pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                status, answer = relay.answer(self.command, self.path, dict(self.headers.items()), body)
                self.send_response(status)
                self.send_header("content-type", "application/json")
                if status != 204:
                    self.send_header("content-length", str(len(answer)))
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing of this belongs in a test's output."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def deliver(self, region: str, snapshot: bytes) -> None:
        """The region's poll, the one that is waiting now included, is answered with this."""
        with self._lock:
            self._script[region].append(snapshot)
        self.hang_up(region)

    def hang_up(self, region: str) -> None:
        """Ends the polls of the region that are waiting now."""
        with self._lock:
            for sock in self._waiting[region]:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def polls(self, region: str) -> int:
        """How many polls of the region are waiting now."""
        with self._lock:
            return len(self._waiting[region])

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        region = {name.lower(): value for name, value in headers.items()}.get(REGION_HEADER, "")
        is_poll = path == protocol.SNAPSHOT
        if is_poll and (scripted := self._scripted(region)) is not None:
            return 200, scripted
        connection = http.client.HTTPConnection("127.0.0.1", self._target_port, timeout=60)
        upstream: socket.socket | None = None
        try:
            connection.connect()
            # The connection forgets its socket with the answer.
            upstream = connection.sock
            if is_poll:
                with self._lock:
                    self._waiting[region].add(upstream)
            connection.request(method, path, body, {**headers, "connection": "close"})
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException):
            scripted = self._scripted(region) if is_poll else None
            return (502, b"{}") if scripted is None else (200, scripted)
        finally:
            if upstream is not None:
                with self._lock:
                    self._waiting[region].discard(upstream)
            connection.close()
        if is_poll and response.status == 200:
            self.snapshots[region].append(answer)
        return response.status, answer

    def _scripted(self, region: str) -> bytes | None:
        with self._lock:
            return self._script[region].popleft() if self._script[region] else None
