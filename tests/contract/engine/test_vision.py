"""A vision model that the operator brings: pictures reach it, and nothing else does. Its projector is random (see there)."""

import base64
import io
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from PIL import Image
from tests.contract.engine.conftest import EngineProcess, start
from tests.platform.processes import eventually
from tests.platform.vision_projector import PICTURE_TOKENS, write_projector

from domicile_engines.models.smollm2.weights import model_file


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    folder = tmp_path_factory.mktemp("seeing")
    mmproj = write_projector(folder / "mmproj.gguf")
    options = ("--vision-model", str(model_file()), "--vision-mmproj", str(mmproj), "--idle-seconds", "2")
    running = start(folder / "engine.sock", *options, "--log-level", "debug")
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.process.kill()
        running.process.wait()


def picture(colour: str, kind: str = "PNG", size: tuple[int, int] = (100, 80)) -> str:
    content = io.BytesIO()
    Image.new("RGB", size, colour).save(content, kind, lossless=True)
    return f"data:image/{kind.lower()};base64," + base64.b64encode(content.getvalue()).decode()


def asked(*urls: str, text: str = "What do you see?") -> Any:
    parts: list[Any] = [{"type": "text", "text": text}]
    return [{"role": "user", "content": parts + [{"type": "image_url", "image_url": {"url": url}} for url in urls]}]


def ask(engine: EngineProcess, messages: Any, **members: Any) -> httpx2.Response:
    body = {"model": "vision", "messages": messages, "temperature": 0, "max_tokens": 12, **members}
    with engine.http() as client:
        return client.post("/v1/chat/completions", json=body)


@pytest.mark.contract("C29")
def test_the_answer_depends_on_the_picture_and_the_picture_on_no_format(seeing: EngineProcess) -> None:
    urls = [picture("red"), picture("blue"), picture("blue", "WEBP"), picture("blue", "GIF")]
    blind = ask(seeing, asked()).json()
    answers = [ask(seeing, asked(url)).json() for url in urls]
    red, blue, webp, gif = (answer["choices"][0]["message"]["content"] for answer in answers)
    assert red != blue == webp == gif
    tokens = answers[0]["usage"]["prompt_tokens"]
    assert tokens == blind["usage"]["prompt_tokens"] + PICTURE_TOKENS
    assert set(answers[0]) == {"id", "object", "created", "model", "system_fingerprint", "choices", "usage"}
    assert (
        ask(seeing, asked(picture("red"), picture("red"))).json()["usage"]["prompt_tokens"] == tokens + PICTURE_TOKENS
    )


def test_a_stream_tells_the_same(seeing: EngineProcess) -> None:
    whole = ask(seeing, asked(picture("green"))).json()
    with seeing.http() as http:
        sdk = openai.OpenAI(api_key="unused", base_url="http://engine/v1", http_client=http, max_retries=0)
        chunks = list(
            sdk.chat.completions.create(
                model="vision",
                messages=asked(picture("green")),
                temperature=0,
                max_tokens=12,
                stream=True,
                stream_options={"include_usage": True},
            )
        )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole["choices"][0]["message"]["content"]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "length"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.model_dump(include={"prompt_tokens", "completion_tokens"}) == {
        name: whole["usage"][name] for name in ("prompt_tokens", "completion_tokens")
    }


def test_the_mark_of_a_picture_in_a_text_is_text(seeing: EngineProcess) -> None:
    answer = ask(seeing, asked(picture("red"), text="<__media__> <__media__>"))
    assert answer.status_code == 200


@pytest.mark.contract("C05")
@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.png",
        "http://127.0.0.1:9/a.png",
        "file:///etc/passwd",
        "DATA:image/png;base64,AAAA",
        "data:image/svg+xml;base64,AAAA",
    ],
)
def test_no_address_reaches_llama_cpp(seeing: EngineProcess, url: str) -> None:
    error = ask(seeing, asked(url)).json()["error"]
    assert (error["code"], error["param"]) == ("url_not_allowed", "messages[0].content[1].image_url.url")


@pytest.mark.parametrize(
    ("messages", "members", "code", "param"),
    [
        (asked("data:image/png;base64,AAAA"), {}, "invalid_file", "messages[0].content[1].image_url.url"),
        (asked(picture("red")[:-40] + "="), {}, "invalid_file", "messages[0].content[1].image_url.url"),
        (asked(picture("red", size=(8000, 7000))), {}, "invalid_file", "messages[0].content[1].image_url.url"),
        (asked(*[picture("red")] * 9), {}, "invalid_value", "messages"),
        (asked(text="word " * 5000), {}, "context_length_exceeded", "messages"),
        (asked(), {"n": 2}, "unsupported_parameter", "n"),
        (asked(), {"logprobs": True}, "unsupported_parameter", "logprobs"),
        (asked(), {"response_format": {"type": "json_object"}}, "unsupported_parameter", "response_format"),
        (asked(), {"functions": [{"name": "f"}]}, "unsupported_parameter", "functions"),
        ([{"role": "function", "content": "x", "name": "f"}], {}, "unsupported_parameter", "messages[0]"),
        (
            [{"role": "assistant", "content": asked(picture("red"))[0]["content"]}],
            {},
            "invalid_value",
            "messages[0].content[1].type",
        ),
    ],
)
def test_what_it_cannot_do_is_refused_by_its_member(
    seeing: EngineProcess, messages: Any, members: dict[str, Any], code: str, param: str
) -> None:
    answer = ask(seeing, messages, **members)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, code, param)


def test_the_chat_model_stays_what_it_is(seeing: EngineProcess) -> None:
    assert seeing.chat(max_tokens=2).status_code == 200
    with seeing.http() as client:
        body = {"model": "smollm2-135m-instruct", "messages": asked(picture("red"))}
        refused = client.post("/v1/chat/completions", json=body)
        served = [model["id"] for model in client.get("/v1/models").json()["data"]]
    assert refused.json()["error"]["code"] == "modality_not_supported"
    assert {"vision", "smollm2-135m-instruct"} <= set(served)


def test_idle_it_is_let_go_with_its_socket_and_comes_back(seeing: EngineProcess) -> None:
    private = seeing.socket.with_name(seeing.socket.name + ".v")
    assert ask(seeing, asked(picture("red"))).status_code == 200
    assert [entry.name for entry in private.iterdir()] == ["llama.sock"]
    eventually(lambda: not private.exists(), what="the idle model's folder is gone")
    assert ask(seeing, asked(picture("red"))).status_code == 200
    assert "What do you see" not in seeing.log.read_text()


def test_files_that_are_no_model_are_said_in_the_log_and_not_to_the_caller(tmp_path: Path) -> None:
    (tmp_path / "text.gguf").write_text("no model")
    options = ("--vision-model", str(tmp_path / "text.gguf"), "--vision-mmproj", str(tmp_path / "text.gguf"))
    engine = start(tmp_path / "e.sock", *options)
    try:
        engine.wait_until_ready()
        refused = ask(engine, asked(picture("red")))
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "engine_unavailable")
        assert "gguf" not in refused.text
        assert "vision cannot be loaded: llama.cpp cannot load" in engine.log.read_text()
    finally:
        engine.process.send_signal(signal.SIGTERM)
        assert engine.process.wait(10) == 0
    assert sorted(entry.name for entry in tmp_path.rglob("*") if entry.is_file()) == ["e.log", "text.gguf"]
