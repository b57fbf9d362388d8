"""Clients that are too heavy for the lock, by the requests that `capture.py` recorded of them, headers and all."""

import http.client
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.e2e.clients.answers import Answer, read_answer, repeated, replace_texts
from tests.e2e.clients.capture import CAPTURED
from tests.e2e.conftest import RunningUp
from tests.platform.installation import IssuedKey

FILES = sorted(CAPTURED.glob("*.json"))


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_each_request_is_answered_as_the_client_needs(up: RunningUp, eu_key: IssuedKey, file: Path) -> None:
    answered: dict[str, str] = {}
    connection = http.client.HTTPConnection(urlsplit(up.region_url("eu")).netloc)
    for request in json.loads(file.read_text("utf-8"))["requests"]:
        body = replace_texts(request["body"], answered, whole=False)
        reply = send(connection, request, body, eu_key.secret)
        content = reply.read().decode()
        assert reply.status == 200, (request, content)
        assert reply.headers.get("domicile-ignored") == request["ignored"]
        if request["path"] == "/v1/chat/completions":
            streamed = bool(body.get("stream"))
            answer = read_answer(content, streamed=streamed)
            check_chat(body, answer)
            answered |= repeated(answer)
        else:
            check_list(body, json.loads(content))
    connection.close()


def send(
    connection: http.client.HTTPConnection, request: dict[str, Any], body: Any, key: str
) -> http.client.HTTPResponse:
    """Sends the captured headers as they are, and the body in chunks where the client did."""
    connection.putrequest(request["method"], request["path"], skip_accept_encoding=True)
    for name, value in request["headers"].items():
        connection.putheader(name, value)
    connection.putheader("authorization", f"Bearer {key}")
    content = json.dumps(body).encode()
    if body is None:
        connection.endheaders()
    elif "chunked" in {value.lower() for value in request["headers"].values()}:
        connection.endheaders(iter([content[:20], content[20:]]), encode_chunked=True)
    else:
        connection.putheader("content-length", str(len(content)))
        connection.endheaders(content)
    return connection.getresponse()


def check_chat(body: dict[str, Any], answer: Answer) -> None:
    """A call where one is forced, a document where a schema asks for one, else a text or a call."""
    assert answer.finish_reason in {"stop", "length", "tool_calls"}
    if (body.get("stream_options") or {}).get("include_usage"):
        assert answer.usage is not None
    choice = body.get("tool_choice")
    if choice == "required" or isinstance(choice, dict):
        (call,) = answer.calls
        assert call["name"] in {tool["function"]["name"] for tool in body["tools"]}
        assert isinstance(json.loads(call["arguments"]), dict)
        return
    assert answer.content or answer.calls
    schema = (body.get("response_format") or {}).get("json_schema", {}).get("schema", {})
    if schema:
        assert set(json.loads(answer.content)) == set(schema["properties"])


def check_list(body: dict[str, Any] | None, answer: dict[str, Any]) -> None:
    """A vector for each input, or the models."""
    assert answer["object"] == "list"
    assert answer["data"]
    if body is not None:
        assert len(answer["data"]) == (1 if isinstance(body["input"], str) else len(body["input"]))
