"""Every outcome of a request in the envelope and with an id; nothing of what failed in the log (design 7 and 9)."""

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.component.web.failing_server import SECRET
from tests.platform.processes import Process, eventually, free_ports

REQUEST_ID = re.compile(r"req_[0-9A-Za-z]{24}")


@dataclass
class Failing:
    """The failing server, and what it logged."""

    process: Process
    url: str

    def request(self, method: str, path: str, **options: Any) -> httpx2.Response:
        return httpx2.request(method, f"{self.url}{path}", timeout=10, **options)

    def log_lines(self) -> list[dict[str, Any]]:
        """Every line is JSON: a traceback would not parse."""
        return [json.loads(line) for line in self.process.log.read_text().splitlines()]

    def log_of(self, answer: httpx2.Response, event: str = "request") -> dict[str, Any]:
        """The one line about a request. It is written after the answer, so perhaps in a moment."""
        lines = eventually(
            lambda: [
                line
                for line in self.log_lines()
                if line["event"] == event and line["request_id"] == answer.headers["x-request-id"]
            ],
            what="the request is logged",
        )
        assert len(lines) == 1
        return lines[0]


def started(log: Path) -> Failing:
    port = free_ports(1)[0]
    process = Process("tests.component.web.failing_server", "--port", str(port), log=log).start()
    failing = Failing(process, f"http://127.0.0.1:{port}")
    eventually(lambda: failing.request("GET", "/fine"), what="the server answers")
    return failing


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Failing]:
    server = started(tmp_path_factory.mktemp("failing") / "log")
    yield server
    server.process.stop()


def assert_envelope(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert REQUEST_ID.fullmatch(answer.headers["x-request-id"])
    assert answer.headers["domicile-region"] == "eu"
    assert answer.headers["openai-version"] == "2020-10-01"
    assert int(answer.headers["openai-processing-ms"]) >= 0
    error: dict[str, Any] = answer.json()["error"]
    assert error["code"] == code
    return error


def test_an_answer_has_an_id_of_its_own(failing: Failing) -> None:
    answers = [failing.request("GET", "/fine") for _ in range(2)]
    assert [answer.json() for answer in answers] == [{"fine": True}] * 2
    assert answers[0].headers["x-own"] == "yes"
    ids = {answer.headers["x-request-id"] for answer in answers}
    assert len(ids) == 2
    assert all(REQUEST_ID.fullmatch(item) for item in ids)


def test_a_foreseen_error_is_answered_with_its_text_and_logged_without(failing: Failing) -> None:
    answer = failing.request("GET", "/refuse")
    assert SECRET in assert_envelope(answer, 404, "model_not_found")["message"]
    assert failing.log_of(answer)["code"] == "model_not_found"
    assert SECRET not in failing.process.log.read_text()


@pytest.mark.parametrize(("path", "kind"), [("/explode", "RuntimeError"), ("/explode-in-a-chain", "ExceptionGroup")])
def test_an_unforeseen_error_tells_nobody_its_text(failing: Failing, path: str, kind: str) -> None:
    answer = failing.request("GET", path)
    error = assert_envelope(answer, 500, "internal_error")
    assert error["type"] == "server_error"
    assert SECRET not in answer.text
    line = failing.log_of(answer, "unforeseen")
    assert line["type"] == kind
    assert re.fullmatch(r".*failing_server\.py:\d+", line["at"])


def test_what_the_process_needs_and_does_not_have_is_503_and_a_reason_to_come_again(failing: Failing) -> None:
    answer = failing.request("GET", "/away")
    assert "Send the request again" in assert_envelope(answer, 503, "service_unavailable")["message"]
    assert answer.headers["retry-after"] == "2"
    assert failing.log_of(answer, "dependency_unavailable")["type"] == "OperationalError"
    assert SECRET not in answer.text + failing.process.log.read_text()


def test_what_a_caller_sends_is_not_in_the_log_of_its_failure(failing: Failing) -> None:
    answer = failing.request(
        "POST", "/explode?query=in-the-query", content=b"in-the-body", headers={"authorization": "Bearer in-the-head"}
    )
    assert_envelope(answer, 500, "internal_error")
    text = failing.process.log.read_text()
    for sent in (SECRET, "in-the-query", "in-the-body", "in-the-head", "Traceback"):
        assert sent not in text


@pytest.mark.parametrize("path", ["/explode-late", "/refuse-late"])
def test_an_answer_that_has_begun_is_broken_off(failing: Failing, path: str) -> None:
    with httpx2.stream("GET", f"{failing.url}{path}", timeout=10) as answer, pytest.raises(httpx2.RemoteProtocolError):
        answer.read()
    line = failing.log_of(answer)
    assert line["status"] == 200
    assert line["code"] in {"internal_error", "model_not_found"}
    assert SECRET not in failing.process.log.read_text()


def test_the_log_names_the_template_and_not_the_path(failing: Failing) -> None:
    answer = failing.request("GET", "/items/in-the-path")
    line = failing.log_of(answer)
    assert line["route"] == "/items/{item}"
    about = {"request_id", "method", "route", "status", "code", "ms", "bytes_in", "bytes_out", "engine"}
    assert set(line) == about | {"event", "level", "timestamp"}
    assert "in-the-path" not in failing.process.log.read_text()


def test_head_is_get_without_a_body(failing: Failing) -> None:
    answer = failing.request("HEAD", "/fine")
    assert answer.status_code == 200
    assert answer.content == b""
    assert REQUEST_ID.fullmatch(answer.headers["x-request-id"])


def test_head_of_an_error_has_no_body_and_leaves_the_connection_usable(failing: Failing) -> None:
    with httpx2.Client(base_url=failing.url) as client:
        refused = client.head("/refuse")
        assert (refused.status_code, refused.content) == (404, b"")
        assert client.get("/fine").json() == {"fine": True}


@pytest.mark.parametrize("path", ["/nowhere", "/fine/", "/", "//fine", "/items/", "/%66ine/x"])
def test_an_unknown_url_is_404(failing: Failing, path: str) -> None:
    error = assert_envelope(failing.request("GET", path), 404, "unknown_url")
    assert error["message"].startswith("Invalid URL (GET /")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_another_method_is_405(failing: Failing, method: str) -> None:
    error = assert_envelope(failing.request(method, "/fine"), 405, "method_not_allowed")
    assert error["message"].startswith(f"{method} is not allowed here. Use ")
    assert "GET" in error["message"].split("Use ")[1]


def test_a_server_that_stops_says_so_to_whom_it_cannot_wait_for(tmp_path: Path) -> None:
    server = started(tmp_path / "log")
    answers: list[httpx2.Response] = []
    waiting = threading.Thread(target=lambda: answers.append(server.request("GET", "/forever")))
    waiting.start()
    eventually(lambda: any(line["event"] == "waiting" for line in server.log_lines()), what="the request arrives")
    assert server.process.stop() == 0
    waiting.join(10)
    [answer] = answers
    assert_envelope(answer, 503, "service_unavailable")
    assert answer.headers["retry-after"] == "1"
    assert server.log_of(answer)["code"] == "cancelled"
