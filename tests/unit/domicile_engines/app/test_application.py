"""The application before its model is there, and the weights it insists on."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domicile_engines.app.application import create_app
from domicile_engines.endpoints.chat_completions.endpoint import ChatCompletionsService
from domicile_engines.models.smollm2.engine import ChatEngine, EngineLimits
from domicile_engines.models.smollm2.weights import MODEL_ID, model_file
from domicile_engines.runtime.weights import WeightsError, verify


async def _call(method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
    """One request to an engine whose lifespan has not begun: its model is not loaded."""
    engine = ChatEngine(EngineLimits(slots=1, context=64, prompt_limit=32, threads=1), Path("unused"))
    app = create_app(engine, [ChatCompletionsService(engine, None)])
    sent: list[dict[str, Any]] = []

    requests = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if requests:
            return requests.pop()
        await asyncio.Event().wait()  # the client stays and says nothing more
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b"", "root_path": ""}
    await app(scope, receive, send)
    return sent[0]["status"], msgspec.json.decode(b"".join(message.get("body", b"") for message in sent[1:]))


async def test_health_says_that_the_model_is_loading() -> None:
    assert await _call("GET", "/health") == (503, {"status": "loading"})


async def test_a_request_while_loading_is_told_to_come_back() -> None:
    body = msgspec.json.encode({"model": MODEL_ID, "messages": [{"role": "user", "content": "x"}]})
    status, answer = await _call("POST", "/v1/chat/completions", body)
    assert (status, answer["error"]["code"]) == (503, "engine_unavailable")


def test_only_the_known_weights_are_loaded(tmp_path: Path) -> None:
    other = tmp_path / "model.gguf"
    other.write_bytes(b"not the model")
    known = verify(model_file(), "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53")
    assert known.fingerprint == "fp_b179c9523d0e"
    with pytest.raises(WeightsError, match="sha256"):
        verify(other, known.sha256)
