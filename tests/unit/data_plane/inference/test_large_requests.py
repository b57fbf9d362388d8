"""While a large request or reply is worked on, the event loop answers others."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from domicile.data_plane.engines.port import EngineRequest
from domicile.data_plane.inference.adapter import ReplyNames, ReplyPart, StreamReader
from domicile.data_plane.inference.chat import ChatAdapter
from domicile.data_plane.inference.request_context import RequestContext
from domicile.openai_api.chat import ChatCompletionRequest
from domicile.openai_api.chat_messages import UserMessage
from domicile.process.off_loop import LARGE_BYTES
from tests.unit.data_plane.inference.inference_under_test import (
    CALLER,
    InferenceUnderTest,
    ScriptedEngine,
    inference_under_test,
)

MODEL = "gpt-4o-2024-08-06"
SMALL = ChatCompletionRequest(model=MODEL, messages=[UserMessage(content="hi")])


def completion(text: str) -> bytes:
    return (
        '{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop",'
        f'"message":{{"role":"assistant","content":"{text}"}}}}]}}'
    ).encode()


def chunk(text: str) -> bytes:
    return (
        '{"id":"c","object":"chat.completion.chunk","created":1,"model":"m",'
        f'"choices":[{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":null}}]}}'
    ).encode()


LARGE_TEXT = "x" * LARGE_BYTES


class WaitingAdapter(ChatAdapter):
    """Works on a request until another one has been answered: on the event loop that would never happen."""

    def __init__(self, step: str) -> None:
        self._step = step
        self.waits = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.other_answered = threading.Event()

    def wait(self, step: str) -> None:
        if step == self._step:
            self._loop.call_soon_threadsafe(self.waits.set)
            assert self.other_answered.wait(60), "no other request was answered meanwhile"

    def check(self, request: ChatCompletionRequest) -> None:
        self.wait("check")
        super().check(request)

    def encode(self, request: ChatCompletionRequest, *, model: str, cache_salt: str | None) -> EngineRequest:
        self.wait("encode")
        return super().encode(request, model=model, cache_salt=cache_salt)

    def begin(self, request: ChatCompletionRequest, names: ReplyNames) -> Any:
        return _WaitingReader(super().begin(request, names), self)


class _WaitingReader:
    def __init__(self, reader: StreamReader, adapter: WaitingAdapter) -> None:
        self._reader = reader
        self._adapter = adapter

    def reply(self, raw: bytes) -> ReplyPart:
        self._adapter.wait("reply")
        return self._reader.reply(raw)

    def piece(self, data: bytes) -> ReplyPart:
        self._adapter.wait("piece")
        return self._reader.piece(data)

    def end(self) -> bytes:
        return self._reader.end()


async def answered_meanwhile(tested: InferenceUnderTest, adapter: WaitingAdapter, large: "asyncio.Task[Any]") -> Any:
    await asyncio.wait_for(adapter.waits.wait(), 60)
    try:
        other = await tested.inference.answer(ChatAdapter(), CALLER, SMALL, RequestContext("req_small"))
        assert other.body
        assert not large.done()
    finally:
        adapter.other_answered.set()
    return await large


@pytest.mark.parametrize("step", ["check", "encode"])
async def test_a_large_request_is_checked_and_encoded_beside_the_loop(tmp_path: Path, step: str) -> None:
    async with inference_under_test(tmp_path, ScriptedEngine(completion("hi")), [MODEL]) as tested:
        adapter = WaitingAdapter(step)
        context = RequestContext("req_large", body_bytes=LARGE_BYTES + 1)
        large = asyncio.create_task(tested.inference.answer(adapter, CALLER, SMALL, context))
        assert (await answered_meanwhile(tested, adapter, large)).body


async def test_a_large_reply_is_read_beside_the_loop(tmp_path: Path) -> None:
    """The other request's reply is as large: it takes the second thread."""
    async with inference_under_test(tmp_path, ScriptedEngine(completion(LARGE_TEXT)), [MODEL]) as tested:
        adapter = WaitingAdapter("reply")
        large = asyncio.create_task(tested.inference.answer(adapter, CALLER, SMALL, RequestContext("req_large")))
        assert LARGE_TEXT.encode() in (await answered_meanwhile(tested, adapter, large)).body


async def test_a_large_piece_of_a_stream_is_read_beside_the_loop(tmp_path: Path) -> None:
    engine = ScriptedEngine(completion("hi"), [chunk(LARGE_TEXT)])
    async with inference_under_test(tmp_path, engine, [MODEL]) as tested:
        adapter = WaitingAdapter("piece")
        request = ChatCompletionRequest(model=MODEL, messages=[UserMessage(content="hi")], stream=True)
        opened = await tested.inference.stream(adapter, CALLER, request, RequestContext("req_large"))
        large = asyncio.ensure_future(anext(opened.pieces))
        assert LARGE_TEXT.encode() in await answered_meanwhile(tested, adapter, large)
        await opened.pieces.aclose()
