"""A small real OpenAI-compatible server that says what it was sent and does what its first user message tells it to.

    python -m tests.platform.stub_engine --socket PATH | --port PORT

It keeps every request it was sent; `GET /requests` shows them. A message `do:NAME` makes it misbehave in that way.
"""

import argparse
import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from domicile.web.bodies.form_parser import read_form
from tests.pictures import encoded

received: list[dict[str, Any]] = []
streams_open = 0
flooded = 0
# Streams that only their reader ends: how long after an event the next one comes, and how large each is.
ENDLESS = {"endless": (0.02, "more "), "trickle": (1.0, "more "), "flood": (0.0, "more " * 800)}
streams_ended = asyncio.Event()


def reply_text(body: dict[str, Any]) -> str:
    content = body["messages"][-1].get("content") or ""
    text = content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)
    return f"echo: {text[:200]}"


def usage(words: list[str]) -> dict[str, Any]:
    return {
        "prompt_tokens": 7,
        "completion_tokens": len(words),
        "total_tokens": 7 + len(words),
        "prompt_tokens_details": {"cached_tokens": 0},
    }


def reply(body: dict[str, Any]) -> dict[str, Any]:
    words = reply_text(body).split(" ")
    message = {"role": "assistant", "content": " ".join(words), "engine_private": "must not leave the region"}
    return {
        "id": "chatcmpl-stub",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "timings": {"private": 1},
        "choices": [
            {"index": index, "finish_reason": "stop", "message": message} for index in range(body.get("n") or 1)
        ],
        "usage": counted(body, words),
    }


def command_in(body: dict[str, Any]) -> str:
    text = reply_text(body).removeprefix("echo: ")
    return text.removeprefix("do:") if text.startswith("do:") else ""


def counted(body: dict[str, Any], words: list[str]) -> dict[str, Any]:
    """The usage, or what no engine should count."""
    odd = {
        "negative-usage": {"prompt_tokens": -5, "completion_tokens": 3},
        "huge-usage": {"prompt_tokens": 10**30, "completion_tokens": 3},
        "no-usage": {},
    }
    return odd.get(command_in(body), usage(words))


async def chunks(body: dict[str, Any], command: str) -> AsyncIterator[bytes]:
    global streams_open, flooded
    streams_open += 1
    try:
        words = reply_text(body).split(" ")
        for index, word in enumerate(words):
            delta = {"role": "assistant", "content": ""} if index == 0 else {}
            yield event(body, [{"index": 0, "delta": {**delta, "content": word + " "}, "finish_reason": None}], None)
            if command == "break":
                return
            if command == "stall":
                await asyncio.Event().wait()
            if command in BAD_EVENTS:
                yield b"data: " + BAD_EVENTS[command] + b"\n\n"
                await asyncio.Event().wait()
            while command in ENDLESS:
                pause_s, text = ENDLESS[command]
                flooded += len(text) if command == "flood" else 0
                yield event(body, [{"index": 0, "delta": {"content": text}, "finish_reason": None}], None)
                await asyncio.sleep(pause_s)
        yield event(body, [{"index": 0, "delta": {}, "finish_reason": "stop"}], None)
        if (body.get("stream_options") or {}).get("include_usage"):
            yield event(body, [], counted(body, words))
        yield b"data: [DONE]\n\n"
    finally:
        streams_open -= 1
        streams_ended.set()


def event(body: dict[str, Any], choices: list[Any], used: dict[str, Any] | None) -> bytes:
    chunk = {
        "id": "chatcmpl-stub",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": body["model"],
        "choices": choices,
        "usage": used,
    }
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


BAD_EVENTS = {
    "bad-event": b"<html>secret-host.internal</html>",
    "error-event": b'{"error":{"message":"secret-host.internal died"}}',
    "utf8-event": b'{"id":"\xff"}',
    "deep-event": b'{"x":' + b"[" * 100_000,
}


async def half() -> AsyncIterator[bytes]:
    yield b'{"id":"secret-host'


def misbehaviour(command: str) -> Response | None:
    def failure(status: int, code: str, message: str = "secret-host.internal says no") -> Response:
        return JSONResponse({"error": {"message": message, "type": "x", "param": None, "code": code}}, status)

    known: dict[str, Callable[[], Response]] = {
        "400": lambda: failure(400, "whatever"),
        "context": lambda: failure(
            400,
            "context_length_exceeded",
            "This model's maximum context length is 1024 tokens. However, your messages resulted in 2048 tokens.",
        ),
        "parameter": lambda: JSONResponse(
            {"error": {"message": "secret-host.internal", "code": "unsupported_parameter", "param": "seed"}}, 400
        ),
        "evil-parameter": lambda: JSONResponse(
            {"error": {"message": "x", "code": "unsupported_parameter", "param": "secret-host.internal says no"}}, 422
        ),
        "llama-context": lambda: JSONResponse(
            {
                "error": {
                    "message": "the request exceeds the available context size, try increasing it",
                    "code": 400,
                    "type": "exceed_context_size_error",
                    "n_prompt_tokens": 2048,
                    "n_ctx": 1024,
                }
            },
            400,
        ),
        "html-400": lambda: Response(b"<html>secret-host.internal</html>", 400),
        "302": lambda: Response(status_code=302, headers={"location": "http://secret-host.internal/"}),
        "403": lambda: failure(403, "forbidden"),
        "405": lambda: failure(405, "method_not_allowed"),
        "408": lambda: failure(408, "timeout"),
        "503": lambda: failure(503, "loading"),
        "half": lambda: StreamingResponse(half(), headers={"content-length": "1000"}),
        "utf8": lambda: Response(b'{"id":"\xff"}', media_type="application/json"),
        "deep": lambda: Response(b'{"x":' + b"[" * 100_000, media_type="application/json"),
        "401": lambda: failure(401, "invalid_api_key"),
        "404": lambda: failure(404, "not_found"),
        "429": lambda: JSONResponse({"error": {}}, 429, headers={"retry-after": "3"}),
        "500": lambda: failure(500, "boom"),
        "garbage": lambda: Response(b"<html>not json</html>", media_type="application/json"),
    }
    make = known.get(command)
    return make() if make else None


async def chat(request: Request) -> Response:
    global streams_open
    body = await request.json()
    received.append({"headers": dict(request.headers), "body": body})
    command = command_in(body)
    if command == "hang":
        streams_open += 1
        while not await request.is_disconnected():
            await asyncio.sleep(0.02)
        streams_open -= 1
        streams_ended.set()
        return Response(status_code=499)
    if command == "slow" or command.startswith("wait-"):
        # `do:wait-50`: so many milliseconds.
        await asyncio.sleep(0.2 if command == "slow" else int(command.removeprefix("wait-")) / 1000)
    failed = misbehaviour(command)
    if failed is not None:
        return failed
    if body.get("stream"):
        return StreamingResponse(chunks(body, command), media_type="text/event-stream")
    return JSONResponse(reply(body))


async def completions(request: Request) -> Response:
    """An echo for each prompt, word by word where it is streamed. `do:NAME` as in chat."""
    body = await request.json()
    received.append({"headers": dict(request.headers), "body": body})
    given = body["prompt"]
    prompts = given if isinstance(given, list) and not isinstance(given[0], int) else [given]
    failed = misbehaviour(str(prompts[0]).removeprefix("do:"))
    if failed is not None:
        return failed
    texts = [f"echo: {prompt}" for prompt in prompts]

    def part(choices: list[Any], used: dict[str, Any] | None) -> dict[str, Any]:
        common = {"id": "cmpl-stub", "object": "text_completion", "created": 1, "engine_private": 1}
        return {**common, "model": body["model"], "choices": choices, "usage": used}

    def choice(index: int, text: str, reason: str | None) -> dict[str, Any]:
        return {"index": index, "text": text, "logprobs": None, "finish_reason": reason, "stop_reason": "private"}

    async def parts() -> AsyncIterator[bytes]:
        for index, text in enumerate(texts):
            for word in text.split(" "):
                yield b"data: " + json.dumps(part([choice(index, word + " ", None)], None)).encode() + b"\n\n"
            yield b"data: " + json.dumps(part([choice(index, "", "eos")], None)).encode() + b"\n\n"
        yield b"data: " + json.dumps(part([], usage(texts))).encode() + b"\n\n"
        yield b"data: [DONE]\n\n"

    if body["stream"]:
        return StreamingResponse(parts(), media_type="text/event-stream")
    return JSONResponse(part([choice(index, text, "eos") for index, text in enumerate(texts)], usage(texts)))


async def embeddings(request: Request) -> Response:
    """For each input a vector of its number and its length, always as numbers. `do:NAME` as in chat."""
    body = await request.json()
    received.append({"headers": dict(request.headers), "body": body})
    given = body["input"]
    inputs = given if isinstance(given, list) and not isinstance(given[0], int) else [given]
    failed = misbehaviour(str(inputs[0]).removeprefix("do:"))
    if failed is not None:
        return failed
    data = [
        {"object": "embedding", "index": index, "embedding": [float(index), float(len(each))], "engine_private": 1}
        for index, each in enumerate(inputs)
    ]
    if inputs[0] == "do:too-few":
        data.pop()
    counted = {"prompt_tokens": 5 * len(inputs), "total_tokens": 5 * len(inputs)}
    return JSONResponse({"object": "list", "model": body["model"], "data": data, "usage": counted})


async def images(request: Request) -> Response:
    """Images of the size that is asked for, or what the prompt tells it to send in their place."""
    body = await request.json()
    received.append({"headers": dict(request.headers), "body": body})
    command = body["prompt"].removeprefix("do:")
    failed = misbehaviour(command)
    if failed is not None:
        return failed
    width, height = map(int, (body.get("size") or "1024x1024").split("x"))
    picture = {
        "revised_prompt": f"drawn: {body['prompt'][:200]}",
        "b64_json": base64.b64encode(encoded("JPEG" if command == "jpeg" else "PNG", width, height)).decode(),
        "engine_private": "secret-host.internal",
    }
    odd: dict[str, dict[str, Any]] = {
        "address": {"url": "http://secret-host.internal/1.png"},
        "not-base64": {"b64_json": "?"},
        "no-image": {"b64_json": "AAAA"},
    }
    count = {"none": 0, "too-many": 3}.get(command, body.get("n") or 1)
    return JSONResponse({"created": 7, "data": [odd.get(command, picture)] * count, "timings": {"private": 1}})


async def transcriptions(request: Request) -> Response:
    """What it was sent of the form is kept. `prompt` says what is heard, or `do:NAME`, as in chat."""
    form = read_form(await request.body(), request.headers["content-type"], files=frozenset({"file"}))
    body = {**form.fields, "file_bytes": len(form.files["file"])}
    received.append({"headers": dict(request.headers), "body": body})
    text = form.fields.get("prompt", ["heard"])[0]
    failed = misbehaviour(text.removeprefix("do:"))
    if failed is not None:
        return failed
    kind = form.fields.get("response_format", ["json"])[0]
    if form.fields.get("stream") == ["true"]:
        done = {"type": "transcript.text.done", "text": text, "usage": {"type": "duration", "seconds": 7}, "private": 1}
        events = ({"type": "transcript.text.delta", "delta": text, "private": 1}, done)
        sent = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
        return Response(sent, media_type="text/event-stream")
    if kind not in ("json", "verbose_json"):
        return Response(f"{kind}: {text}\n", media_type="text/plain")
    segment = {"id": 0, "start": 0.0, "end": 1.0, "text": text, "private": 1}
    verbose = {"task": "transcribe", "language": "english", "duration": 6.5, "segments": [segment]}
    usage = {"usage": {"type": "duration", "seconds": 7}} if text != "uncounted" else {}
    return JSONResponse({"text": text, "private": 1, **usage, **(verbose if kind == "verbose_json" else {})})


async def speech(request: Request) -> Response:
    """The text's own letters as sound, word by word. `do:NAME` as in chat."""
    body = await request.json()
    received.append({"headers": dict(request.headers), "body": body})
    failed = misbehaviour(body["input"].removeprefix("do:"))
    if failed is not None:
        return failed

    async def sound() -> AsyncIterator[bytes]:
        for word in body["input"].split():
            yield word.encode()
            await asyncio.sleep(0)
            if word == "break":
                raise ConnectionAbortedError

    async def events() -> AsyncIterator[bytes]:
        async for piece in sound():
            delta = {"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode(), "private": 1}
            yield f"data: {json.dumps(delta)}\n\n".encode()
        usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
        yield f"data: {json.dumps({'type': 'speech.audio.done', 'usage': usage})}\n\n".encode()

    as_events = body.get("stream_format") == "sse"
    return StreamingResponse(events() if as_events else sound(), media_type="application/octet-stream")


CATEGORIES = (
    *("harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm"),
    *("self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic"),
)


async def moderations(request: Request) -> Response:
    """A result for each text, or one for all parts; "illicit" in it fits that category. `do:NAME` as in chat."""
    body = await request.json()
    received.append({"headers": dict(request.headers), "body": body})
    given = body["input"] if isinstance(body["input"], list) else [body["input"]]
    inputs = given if isinstance(given[0], str) else [json.dumps(given)]
    failed = misbehaviour(inputs[0].removeprefix("do:"))
    if failed is not None:
        return failed
    results = []
    for text in inputs:
        scores = {name: 0.75 if name == "illicit" and name in text else 0.25 for name in (*CATEGORIES, "private")}
        results.append(
            {
                "flagged": "illicit" in text,
                "categories": {name: score > 0.5 for name, score in scores.items()},
                "category_scores": scores,
                "category_applied_input_types": {name: ["text"] for name in CATEGORIES},
                "engine_private": 1,
            }
        )
    if inputs[0] == "do:too-few":
        results.pop()
    if inputs[0] == "do:no-category":
        del results[0]["category_scores"]["violence"]  # type: ignore[attr-defined]
    return JSONResponse({"id": "modr-stub", "model": body["model"], "results": results})


async def health(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def requests(_request: Request) -> Response:
    return JSONResponse(received)


async def bytes_flooded(_request: Request) -> Response:
    """How much `do:flood` has sent."""
    return JSONResponse(flooded)


async def wait_until_left(_request: Request) -> Response:
    """Answers as soon as a client has left a stream or a hanging request."""
    await asyncio.wait_for(streams_ended.wait(), 10)
    streams_ended.clear()
    return JSONResponse({"open": streams_open})


async def count_open(_request: Request) -> Response:
    """How many streams and hanging requests somebody still waits for."""
    return JSONResponse({"open": streams_open})


app = Starlette(
    routes=[
        Route("/health", health),
        Route("/requests", requests),
        Route("/left", wait_until_left),
        Route("/flooded", bytes_flooded),
        Route("/open", count_open),
        Route("/v1/chat/completions", chat, methods=["POST"]),
        Route("/v1/completions", completions, methods=["POST"]),
        Route("/v1/embeddings", embeddings, methods=["POST"]),
        Route("/v1/images/generations", images, methods=["POST"]),
        Route("/v1/audio/transcriptions", transcriptions, methods=["POST"]),
        Route("/v1/audio/translations", transcriptions, methods=["POST"]),
        Route("/v1/audio/speech", speech, methods=["POST"]),
        Route("/v1/moderations", moderations, methods=["POST"]),
    ]
)

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket")
    parser.add_argument("--port", type=int, default=0)
    chosen = parser.parse_args()
    uvicorn.run(app, uds=chosen.socket, port=chosen.port, log_level="warning", timeout_graceful_shutdown=1)
