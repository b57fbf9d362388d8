"""What a load balancer does, inside the official client: attempts go to the replicas of a region in turn.

A replica that takes no connection is left out from then on, and the attempt goes to the next one. An attempt that breaks
off after that is a failed request: it may have been worked on.
"""

import itertools
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

import httpx2


@dataclass
class Attempt:
    """One request to one replica. `ended_at` is None while it is open, `failed` says that there was no answer."""

    replica: str
    began_at: float
    ended_at: float | None = None
    failed: bool = False


class Spreading(httpx2.BaseTransport):
    """Sends each attempt to the next replica, and remembers what became of it."""

    def __init__(self, replicas: Iterable[str]) -> None:
        self._targets = [httpx2.URL(replica) for replica in replicas]
        self._turn = itertools.count()
        self._inner = httpx2.HTTPTransport(limits=httpx2.Limits(max_connections=64))
        self._lock = threading.Lock()
        self.attempts: list[Attempt] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer of the replica whose turn it is."""
        with self._lock:
            target = self._targets[next(self._turn) % len(self._targets)]
            attempt = Attempt(str(target), time.monotonic())
            self.attempts.append(attempt)
        request.url = request.url.copy_with(port=target.port)
        try:
            answer = self._inner.handle_request(request)
            answer.read()
        except httpx2.ConnectError:
            with self._lock:
                self.attempts.remove(attempt)
                self._targets = [known for known in self._targets if known != target]
            if not self._targets:
                raise
            return self.handle_request(request)
        except httpx2.TransportError:
            attempt.failed = True
            raise
        finally:
            attempt.ended_at = time.monotonic()
        return answer

    def close(self) -> None:
        """Closes the connections."""
        self._inner.close()
