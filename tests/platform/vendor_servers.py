"""Small real servers with the manners of a vendor: its URLs, its key, its errors, its additions to an answer.

Each keeps what it was sent. The texts that they refuse with name hosts and accounts, as the real ones do: no caller may see
any of it.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

KEY = "vendor-secret-key"
ACCOUNT = "acme-internal-account"
FILTERED = {"hate": {"filtered": False, "severity": "safe"}}
PROMPT_FILTERED = [{"prompt_index": 0, "content_filter_results": FILTERED}]


@dataclass
class VendorServer:
    """What it was sent, and where it is."""

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client has left a stream."""
    redirect_to: str = ""

    async def keep(self, request: web.Request) -> dict[str, Any]:
        """The body, kept with all that came with it."""
        body: dict[str, Any] = json.loads(await request.read() or b"{}")
        self.requests.append(
            {"target": request.path_qs, "headers": {k.lower(): v for k, v in request.headers.items()}, "body": body}
        )
        return body


@asynccontextmanager
async def serving(
    routes: list[web.RouteDef], server: VendorServer, certificate: ssl.SSLContext | None = None
) -> AsyncIterator[VendorServer]:
    """On a free loopback port, with TLS where there is a certificate."""
    application = web.Application()
    application.add_routes(routes)
    runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=certificate).start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}" if certificate is None else f"https://localhost:{port}"
    try:
        yield server
    finally:
        await runner.cleanup()


def refused(status: int, error: dict[str, Any], **headers: str) -> web.Response:
    return web.json_response({"error": error}, status=status, headers=headers)


def completion(text: str, model: str, **extra: Any) -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    return {
        "id": "chatcmpl-vendor",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [choice | extra],
        "usage": {
            "prompt_tokens": 9,
            "completion_tokens": 2,
            "total_tokens": 11,
            "prompt_tokens_details": {"cached_tokens": 8},
        },
    }


def chunk(delta: dict[str, Any], *, finish: str | None = None, **extra: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, **extra}
    return {"id": "chatcmpl-vendor", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


async def streamed(
    request: web.Request, server: VendorServer, events: list[dict[str, Any]], *, endless: bool
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    try:
        for event in events[:-1] if endless else events:
            await response.write(b"data: " + json.dumps(event).encode() + b"\n\n")
        while endless:
            await response.write(b"data: " + json.dumps(chunk({"content": "more "})).encode() + b"\n\n")
            await asyncio.sleep(0.01)
        await response.write(b"data: [DONE]\n\n")
    except (ConnectionError, asyncio.CancelledError):
        server.left.set()
        raise
    return response


def last_text(body: dict[str, Any]) -> str:
    text: str = body["messages"][-1]["content"]
    return text


USAGE = {**chunk({}), "choices": [], "usage": completion("", "m")["usage"]}


def azure_openai(server: VendorServer, deployment: str, api_version: str) -> list[web.RouteDef]:
    """Deployment URLs, `api-key`, `api-version`; content filters in every answer."""

    async def chat(request: web.Request) -> web.StreamResponse:
        body = await server.keep(request)
        if request.headers.get("api-key") != KEY:
            return web.json_response({"statusCode": 401, "message": f"Access denied to {ACCOUNT}"}, status=401)
        if request.query.get("api-version") != api_version:
            return refused(404, {"code": "404", "message": "Resource not found"})
        if request.match_info["deployment"] != deployment:
            message = f"The API deployment for this resource of {ACCOUNT} does not exist."
            return refused(404, {"code": "DeploymentNotFound", "message": message})
        if last_text(body) == "forbidden":
            inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": FILTERED}
            message = f"The response was filtered for {ACCOUNT}."
            error = {"message": message, "type": None, "param": "prompt", "code": "content_filter", "status": 400}
            return refused(400, error | {"innererror": inner})
        if body.get("stream"):
            first = {
                "choices": [],
                "created": 0,
                "id": "",
                "model": "",
                "object": "",
                "prompt_filter_results": PROMPT_FILTERED,
            }
            events = [
                first,
                chunk({"role": "assistant", "content": "hi"}, content_filter_results=FILTERED),
                chunk({}, finish="stop", content_filter_results=FILTERED),
                USAGE,
            ]
            return await streamed(request, server, events, endless=last_text(body) == "endless")
        answer = completion("hi", "gpt-4o-2024-08-06", content_filter_results=FILTERED)
        return web.json_response(answer | {"prompt_filter_results": PROMPT_FILTERED})

    return [web.post("/openai/deployments/{deployment}/chat/completions", chat)]


def openai(server: VendorServer, model: str) -> list[web.RouteDef]:
    """Bearer, `/v1/models`, unknown members refused; a redirect on demand."""

    def denied(request: web.Request) -> web.Response | None:
        if request.headers.get("authorization") == f"Bearer {KEY}":
            return None
        message = f"Incorrect API key provided. You can find it at https://platform.example/{ACCOUNT}."
        return refused(
            401, {"message": message, "type": "invalid_request_error", "param": None, "code": "invalid_api_key"}
        )

    async def models(request: web.Request) -> web.Response:
        return denied(request) or web.json_response({"object": "list", "data": [{"id": model}]})

    async def chat(request: web.Request) -> web.StreamResponse:
        body = await server.keep(request)
        if (denial := denied(request)) is not None:
            return denial
        if body["model"] != model or body.keys() & {"cache_salt", "store", "user", "metadata"}:
            message = f"The model does not exist or {ACCOUNT} has no access to it."
            return refused(404, {"message": message, "type": "invalid_request_error", "code": "model_not_found"})
        text = last_text(body)
        if text == "redirect":
            return web.Response(status=307, headers={"location": server.redirect_to})
        if text == "forbidden":
            message = f"Rejected by the safety system of {ACCOUNT}."
            return refused(400, {"message": message, "param": None, "code": "content_policy_violation"})
        if body.get("stream"):
            events = [chunk({"role": "assistant", "content": "hi"}), chunk({}, finish="stop"), USAGE]
            return await streamed(request, server, events, endless=text == "endless")
        return web.json_response(completion("hi", model))

    return [web.get("/v1/models", models), web.post("/v1/chat/completions", chat)]


@asynccontextmanager
async def recording() -> AsyncIterator[VendorServer]:
    """Answers everything, and keeps all that comes: where a redirect leads."""
    server = VendorServer()

    async def answer(request: web.Request) -> web.Response:
        await server.keep(request)
        return web.json_response(completion("stolen", "m"))

    async with serving([web.route("*", "/{path:.*}", answer)], server) as running:
        yield running
