"""What TLS in the process costs a listener: processor time for each request on an open connection, and for each handshake.

The same small application in clear and over TLS, in turns: what an endpoint does is the same in both, and would hide it.
"""

import queue
import statistics
import time
from pathlib import Path

import httpx2
from tests.component.web.live_server import LiveServer, RecordingApplication, live_server
from tests.platform.certificates import Issuer

BLOCKS, REQUESTS, HANDSHAKES = 10, 300, 50
BODY = b"x" * 1000


def processor_us(server: LiveServer) -> float:
    """Of the thread that the server runs in, so far."""
    told: queue.Queue[float] = queue.Queue()
    server.call(lambda: told.put(time.thread_time() * 1e6))
    return told.get(timeout=10)


def requests_us(server: LiveServer, client: httpx2.Client) -> float:
    """Each, of one block on one connection."""
    before = processor_us(server)
    for _ in range(REQUESTS):
        client.post(f"{server.url}/echo", content=BODY).raise_for_status()
    return (processor_us(server) - before) / REQUESTS


def connections_us(server: LiveServer) -> float:
    """Each, of one block: opened, and closed without a request."""
    before = processor_us(server)
    for _ in range(HANDSHAKES):
        server.connect().socket.close()
    return (processor_us(server) - before) / HANDSHAKES


def cost_of_tls(folder: Path) -> None:
    """Prints medians of the blocks, in microseconds."""
    application = RecordingApplication().asgi
    with (
        live_server(application, "uvloop") as clear,
        live_server(application, "uvloop", Issuer(folder)) as secure,
        httpx2.Client() as clear_client,
        httpx2.Client(verify=secure.verify) as secure_client,
    ):
        requests_us(clear, clear_client), requests_us(secure, secure_client)
        requests = [(requests_us(clear, clear_client), requests_us(secure, secure_client)) for _ in range(BLOCKS)]
        connections = [(connections_us(clear), connections_us(secure)) for _ in range(BLOCKS)]
    for what, pairs in (("request", requests), ("connection", connections)):
        in_clear, over_tls = (statistics.median(side) for side in zip(*pairs, strict=True))
        print(f"TLS, processor time of a {what:<11} in clear {in_clear:6.0f} us   over TLS {over_tls:6.0f} us")
