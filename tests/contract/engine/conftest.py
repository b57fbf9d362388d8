"""The real engine, in a process of its own, on a socket."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

MODEL = "smollm2-135m-instruct"
# An answer that only cancellation or its token limit can end: the grammar does not let the model close the string.
ENDLESS: Any = {
    "type": "json_schema",
    "json_schema": {"name": "s", "strict": True, "schema": {"type": "string", "minLength": 50_000}},
}
_LOADING_SECONDS_MAX = 60.0


@dataclass
class EngineProcess:
    """A running engine."""

    socket: Path
    log: Path
    process: subprocess.Popen[bytes]

    def http(self, timeout: float = 60.0) -> httpx2.Client:
        """A client on its socket."""
        return httpx2.Client(
            transport=httpx2.HTTPTransport(uds=str(self.socket)), base_url="http://engine", timeout=timeout
        )

    def asynchronous(self) -> httpx2.AsyncClient:
        """The same, for many requests at once."""
        return httpx2.AsyncClient(
            transport=httpx2.AsyncHTTPTransport(uds=str(self.socket)), base_url="http://engine", timeout=60.0
        )

    def chat(self, text: str = "Say hello.", **members: Any) -> httpx2.Response:
        """One request, most of it defaulted."""
        body = {"model": MODEL, "messages": [{"role": "user", "content": text}], "temperature": 0, **members}
        with self.http() as client:
            return client.post("/v1/chat/completions", json=body)

    def wait_until_ready(self) -> None:
        """Poll health, as a supervisor does."""
        deadline = time.monotonic() + _LOADING_SECONDS_MAX
        with self.http() as client:
            while time.monotonic() < deadline:
                assert self.process.poll() is None, self.log.read_text()
                try:
                    if client.get("/health").status_code == 200:
                        return
                except httpx2.TransportError:
                    pass
                time.sleep(0.05)
        raise AssertionError(self.log.read_text())


def start(socket: Path, *options: str, **popen: Any) -> EngineProcess:
    """Start an engine; it is not ready yet."""
    log = socket.with_suffix(".log")
    command = [sys.executable, "-m", "domicile_engines", "--socket", str(socket), *options]
    with log.open("ab") as stderr:
        process = subprocess.Popen(command, stdout=stderr, stderr=stderr, **popen)
    return EngineProcess(socket, log, process)


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    """One engine for all tests that leave it as they found it, as talkative as it can be."""
    running = start(tmp_path_factory.mktemp("engine") / "engine.sock", "--log-level", "debug")
    try:
        running.wait_until_ready()
        yield running
    finally:
        os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait()


@pytest.fixture
def sdk(engine: EngineProcess) -> Iterator[openai.OpenAI]:
    """The official SDK, talking to the engine."""
    with engine.http() as client:
        yield openai.OpenAI(api_key="unused", base_url="http://engine/v1", http_client=client, max_retries=0)
