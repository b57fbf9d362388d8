"""How the process begins and ends."""

import resource
import signal
import subprocess
import time
from pathlib import Path

from tests.contract.engine.conftest import ENDLESS, MODEL, EngineProcess, start

_STOP_SECONDS_MAX = 60.0


def _begin_a_long_answer(engine: EngineProcess) -> None:
    with engine.http() as client:
        body = {
            "model": MODEL,
            "messages": [{"role": "user", "content": "A story."}],
            "max_tokens": 1500,
            "response_format": ENDLESS,
            "stream": True,
        }
        with client.stream("POST", "/v1/chat/completions", json=body) as answer:
            next(answer.iter_lines())
            engine.process.send_signal(signal.SIGTERM)
            begun = time.monotonic()
            engine.process.wait(10)
            assert time.monotonic() - begun < _STOP_SECONDS_MAX


def test_it_survives_a_kill_stops_while_generating_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "e.sock"
    killed = start(path)
    killed.wait_until_ready()
    killed.process.kill()
    killed.process.wait()
    assert path.is_socket()

    again = start(path, "--slots", "1", "--context", "1600", "--prompt-limit", "100")
    again.wait_until_ready()
    # A crash must not write prompts to disk.
    assert resource.prlimit(again.process.pid, resource.RLIMIT_CORE) == (0, 0)
    refused = start(path)
    assert refused.process.wait(30) != 0
    _begin_a_long_answer(again)
    assert again.process.returncode == 0
    assert [entry.name for entry in tmp_path.rglob("*") if not entry.is_dir()] == ["e.log"]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["e.log", "home"]
    assert "Traceback" not in again.log.read_text()


def test_a_model_that_cannot_be_loaded_ends_the_process(tmp_path: Path) -> None:
    # Long enough that llama.cpp's socket beside it has no room for its name.
    path = tmp_path / ("e" * (99 - len(str(tmp_path))))
    failing = start(path)
    assert failing.process.wait(30) == 1
    assert "the model could not be loaded: the socket's path is too long" in failing.log.read_text()
    assert not path.exists()


def test_it_follows_its_parent(tmp_path: Path) -> None:
    orphan = start(tmp_path / "e.sock", "--follow-parent", stdin=subprocess.PIPE)
    orphan.wait_until_ready()
    assert orphan.process.stdin is not None
    orphan.process.stdin.close()
    begun = time.monotonic()
    orphan.process.wait(10)
    assert time.monotonic() - begun < _STOP_SECONDS_MAX
