"""When the model itself fails: an answer in OpenAI's envelope, and a log line without a word of the request."""

import logging
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domicile.engine_server.chat.endpoint import ChatEndpoint
from domicile.engine_server.engine import Engine, Limits


class _Failing(Engine):
    def ready_for(self, model: str) -> Any:
        raise ValueError(f"SECRET {model}")


async def test_a_failure_says_nothing_of_what_was_asked(caplog: pytest.LogCaptureFixture) -> None:
    endpoint = ChatEndpoint(_Failing(Limits(1, 64, 32, 1), Path("unused")))
    body = msgspec.json.encode({"model": "SECRET", "messages": [{"role": "user", "content": "SECRET"}]})
    requests = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Any] = []

    async def receive() -> Any:
        return requests.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    with caplog.at_level(logging.DEBUG):
        await endpoint({"type": "http"}, receive, send)
    assert sent[0]["status"] == 503
    assert msgspec.json.decode(sent[1]["body"])["error"]["code"] == "engine_unavailable"
    assert "ValueError" in caplog.text
    assert "SECRET" not in caplog.text + sent[1]["body"].decode()
