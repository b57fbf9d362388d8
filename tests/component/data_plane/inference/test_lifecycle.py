"""The life of a request, from a client over HTTP to an engine in another process and back (design 4 and 7)."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from tests.component.data_plane.region_under_test import (
    MODEL,
    SECRET,
    RegionUnderTest,
    StubEngine,
    region_under_test,
    stub_engine,
)
from tests.unit.data_plane.region_parts import KEY_ID, PROJECT, engine_settings, until

INTERNAL = "secret-host"


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StubEngine]:
    with stub_engine(tmp_path_factory.mktemp("engine"), "one") as engine:
        yield engine


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StubEngine]:
    with stub_engine(tmp_path_factory.mktemp("engine"), "two") as engine:
        yield engine


@pytest_asyncio.fixture
async def region(tmp_path: Path, stub: StubEngine) -> AsyncIterator[RegionUnderTest]:
    async with region_under_test(tmp_path, [engine_settings("one", socket=stub.socket)]) as region:
        yield region


def error_of(answer: httpx2.Response) -> dict[str, Any]:
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


def events(answer: httpx2.Response) -> list[Any]:
    """The data of a stream's events; the last one is `[DONE]` or an error."""
    lines = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


class TestUnary:
    async def test_the_answer_is_the_engines_under_the_snapshots_name(self, region: RegionUnderTest) -> None:
        answer = await region.chat("hello", model="gpt-4o")
        assert answer.status_code == 200
        assert answer.headers["domicile-engine"] == "label-one"
        assert answer.headers["domicile-region"] == "eu"
        reply = answer.json()
        assert reply["model"] == MODEL
        assert reply["choices"][0]["message"]["content"] == "echo: hello"
        assert reply["usage"]["prompt_tokens"] == 7

    async def test_members_outside_the_specification_do_not_leave(self, region: RegionUnderTest) -> None:
        answer = await region.chat("hello")
        assert "timings" not in answer.text
        assert "engine_private" not in answer.text

    async def test_the_engine_is_sent_what_was_read_and_nothing_of_the_callers(
        self, region: RegionUnderTest, stub: StubEngine
    ) -> None:
        await region.http.post(
            "/v1/chat/completions",
            json={
                "model": "gpt-4o",
                "messages": [{"role": "user", "content": "hello"}],
                "user": "somebody",
                "metadata": {"case": "4"},
                "seed": 3,
            },
            headers={"x-case": "patient", "openai-project": PROJECT, "cookie": "a=b", "user-agent": "their-app"},
        )
        sent = stub.received[-1]
        assert sent["body"] == {
            "model": "one-model",
            "messages": [{"role": "user", "content": "hello"}],
            "seed": 3,
            "stream": False,
        }
        assert set(sent["headers"]) == {"host", "content-type", "accept", "content-length"}
        assert SECRET not in json.dumps(sent)

    async def test_it_is_metered_by_the_engines_count(self, region: RegionUnderTest) -> None:
        answer = await region.chat("two words")
        [row] = await region.ledger(1)
        assert row.request_id == answer.headers["x-request-id"]
        assert (row.outcome, row.counted_by) == ("complete", "engine")
        assert (row.input_tokens, row.output_tokens) == (7, 3)
        assert (row.project_id, row.key_id, row.model, row.engine, row.country) == (PROJECT, KEY_ID, MODEL, "one", "DE")

    @pytest.mark.parametrize("command", ["no-usage", "negative-usage", "huge-usage"])
    @pytest.mark.parametrize("stream", [False, True])
    async def test_a_count_that_can_be_none_is_replaced_by_the_platforms(
        self, region: RegionUnderTest, command: str, stream: bool
    ) -> None:
        assert (await region.chat(f"do:{command}", stream=stream)).status_code == 200
        [row] = await region.ledger(1)
        assert (row.outcome, row.counted_by) == ("complete", "platform")
        assert 0 < row.input_tokens < 1000
        assert 0 < row.output_tokens < 20

    async def test_a_salt_keeps_prompt_caches_of_projects_apart(self, tmp_path: Path, stub: StubEngine) -> None:
        settings = engine_settings("one", socket=stub.socket, cache_salt=True)
        async with region_under_test(tmp_path, [settings]) as region:
            await region.chat("hello")
        assert stub.received[-1]["body"]["cache_salt"] == PROJECT

    async def test_a_request_that_is_refused_reaches_no_engine_and_no_ledger(
        self, region: RegionUnderTest, stub: StubEngine
    ) -> None:
        before = len(stub.received)
        for members, code in (
            ({"model": "gpt-9"}, "model_not_found"),
            ({"model": "whisper-1"}, "model_not_eligible"),
            ({"surprise": 1}, "unknown_parameter"),
            ({"temperature": 3}, "invalid_value"),
            ({"model": "gpt-4-0613"}, "model_not_found"),
        ):
            assert error_of(await region.chat("hello", **members))["code"] == code
        assert len(stub.received) == before
        await region.ledger(0)


class TestStream:
    async def test_chunks_come_under_the_snapshots_name_and_end_with_done(self, region: RegionUnderTest) -> None:
        answer = await region.chat("one two", stream=True)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["domicile-engine"] == "label-one"
        assert answer.headers["x-request-id"].startswith("req_")
        *chunks, done = events(answer)
        assert done == "[DONE]"
        assert {chunk["model"] for chunk in chunks} == {MODEL}
        assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == "echo: one two "

    async def test_usage_is_metered_though_nobody_asked_for_it(self, region: RegionUnderTest, stub: StubEngine) -> None:
        answer = await region.chat("one two", stream=True)
        assert all("usage" not in chunk for chunk in events(answer)[:-1])
        assert all(chunk["choices"] for chunk in events(answer)[:-1])
        assert stub.received[-1]["body"]["stream_options"] == {"include_usage": True}
        [row] = await region.ledger(1)
        assert (row.outcome, row.counted_by, row.input_tokens, row.output_tokens) == ("complete", "engine", 7, 3)

    async def test_the_chunk_with_the_usage_is_for_who_asked(self, region: RegionUnderTest) -> None:
        answer = await region.chat("one two", stream=True, stream_options={"include_usage": True})
        *chunks, last, done = events(answer)
        assert done == "[DONE]"
        assert last["choices"] == []
        assert last["usage"]["completion_tokens"] == 3
        assert [chunk["usage"] for chunk in chunks] == [None] * len(chunks)

    async def test_the_official_client_reads_it(self, region: RegionUnderTest) -> None:
        async with region.official_client() as client:
            stream = await client.chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": "a b"}], stream=True
            )
            assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream]) == "echo: a b "

    @pytest.mark.parametrize("command", ["break", "bad-event", "error-event", "utf8-event", "deep-event"])
    async def test_what_breaks_after_the_first_byte_is_an_event(
        self, region: RegionUnderTest, stub: StubEngine, command: str
    ) -> None:
        answer = await region.chat(f"do:{command}", stream=True)
        assert answer.status_code == 200
        first, last = events(answer)
        assert first["choices"][0]["delta"]["content"] == "echo: "
        assert last["error"]["code"] == "engine_unavailable"
        assert INTERNAL not in answer.text
        [row] = await region.ledger(1)
        assert (row.outcome, row.counted_by, row.output_tokens) == ("engine_broke_off", "platform", 1)
        await stub.until_open(0)

    async def test_an_engine_that_stalls_is_a_timeout_event(self, tmp_path: Path, stub: StubEngine) -> None:
        settings = engine_settings("one", socket=stub.socket, idle_timeout_s=0.3)
        async with region_under_test(tmp_path, [settings]) as region:
            answer = await region.chat("do:stall", stream=True)
            assert events(answer)[-1]["error"]["code"] == "engine_timeout"
            await stub.until_open(0)
            [row] = await region.ledger(1)
            assert row.outcome == "engine_broke_off"


@pytest.mark.parametrize("stream", [False, True])
class TestEngineRefusals:
    @pytest.mark.parametrize(
        ("command", "status", "code"),
        [
            ("400", 400, "engine_refused"),
            ("html-400", 400, "engine_refused"),
            ("context", 400, "context_length_exceeded"),
            ("llama-context", 400, "context_length_exceeded"),
            ("parameter", 400, "unsupported_parameter"),
            ("evil-parameter", 400, "unsupported_parameter"),
            ("401", 503, "engine_misconfigured"),
            ("403", 503, "engine_misconfigured"),
            ("404", 503, "engine_misconfigured"),
            ("405", 503, "engine_misconfigured"),
            ("302", 503, "engine_unavailable"),
            ("408", 504, "engine_timeout"),
            ("429", 503, "engine_unavailable"),
            ("500", 503, "engine_unavailable"),
            ("503", 503, "engine_unavailable"),
        ],
    )
    async def test_each_is_an_answer_of_ours_and_is_not_metered(
        self, region: RegionUnderTest, stream: bool, command: str, status: int, code: str
    ) -> None:
        answer = await region.chat(f"do:{command}", stream=stream)
        assert (answer.status_code, error_of(answer)["code"]) == (status, code)
        assert INTERNAL not in answer.text
        assert ("retry-after" in answer.headers) == (code in {"engine_unavailable", "engine_timeout"})
        await region.ledger(0)

    async def test_numbers_parameters_and_times_come_through_where_they_are_nothing_else(
        self, region: RegionUnderTest, stream: bool
    ) -> None:
        context = error_of(await region.chat("do:context", stream=stream))
        assert "limit of 1024 tokens. Your messages resulted in 2048 tokens." in context["message"]
        assert context["param"] == "messages"
        assert error_of(await region.chat("do:parameter", stream=stream))["param"] == "seed"
        assert error_of(await region.chat("do:evil-parameter", stream=stream))["param"] is None
        assert (await region.chat("do:429", stream=stream)).headers["retry-after"] == "3"

    async def test_no_first_byte_in_time_is_504(self, tmp_path: Path, stub: StubEngine, stream: bool) -> None:
        settings = engine_settings("one", socket=stub.socket, first_byte_timeout_s=0.3)
        async with region_under_test(tmp_path, [settings]) as region:
            answer = await region.chat("do:hang", stream=stream)
            assert (answer.status_code, error_of(answer)["code"]) == (504, "engine_timeout")
            await stub.until_open(0)

    async def test_a_request_that_was_sent_is_504_whatever_a_probe_has_seen_meanwhile(
        self, tmp_path: Path, stub: StubEngine, stream: bool
    ) -> None:
        settings = engine_settings("one", socket=stub.socket, first_byte_timeout_s=0.3)
        async with region_under_test(tmp_path, [settings]) as region:
            asking = asyncio.create_task(region.chat("do:hang", stream=stream))
            condition = region.router.condition("one")
            await until(lambda: condition.turns.running or asking.done(), what="the engine is asked")
            region.router.report("one", healthy=False)
            answer = await asking
            assert (answer.status_code, error_of(answer)["code"]) == (504, "engine_timeout")
            assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("command", ["garbage", "half", "utf8", "deep"])
async def test_a_reply_that_is_none_is_503(region: RegionUnderTest, command: str) -> None:
    answer = await region.chat(f"do:{command}")
    assert (answer.status_code, error_of(answer)["code"]) == (503, "engine_unavailable")
    assert INTERNAL not in answer.text
    await region.ledger(0)


class TestFailOver:
    @pytest.mark.parametrize("stream", [False, True])
    async def test_a_dead_engine_is_passed_over_and_remembered(
        self, tmp_path: Path, stub: StubEngine, stream: bool
    ) -> None:
        engines = [
            engine_settings("dead", socket=tmp_path / "nothing-here.sock"),
            engine_settings("one", socket=stub.socket),
        ]
        async with region_under_test(tmp_path, engines) as region:
            answer = await region.chat("hello", stream=stream)
            assert (answer.status_code, answer.headers["domicile-engine"]) == (200, "label-one")
            [row] = await region.ledger(1)
            assert (row.engine, row.outcome, row.counted_by) == ("one", "complete", "engine")
            region.router.report("one", healthy=False)
            assert not region.router.any_healthy

    @pytest.mark.parametrize("stream", [False, True])
    async def test_an_engine_that_cannot_be_reached_in_time_is_passed_over(
        self, tmp_path: Path, stub: StubEngine, stream: bool
    ) -> None:
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen(0)
            waiting = [socket.socket() for _ in range(4)]
            for client in waiting:
                # Nobody accepts, so after these the queue is full and further connections hang.
                client.setblocking(False)
                client.connect_ex(listening.getsockname())
            engines = [
                engine_settings("far", url=f"http://127.0.0.1:{listening.getsockname()[1]}", connect_timeout_s=0.2),
                engine_settings("one", socket=stub.socket),
            ]
            async with region_under_test(tmp_path, engines) as region:
                answer = await region.chat("hello", stream=stream)
                assert (answer.status_code, answer.headers["domicile-engine"]) == (200, "label-one")
            for client in waiting:
                client.close()

    @pytest.mark.parametrize("stream", [False, True])
    @pytest.mark.parametrize(
        ("command", "code"),
        [
            ("500", "engine_unavailable"),
            ("401", "engine_misconfigured"),
            ("404", "engine_misconfigured"),
            ("429", "engine_unavailable"),
            ("302", "engine_unavailable"),
        ],
    )
    async def test_an_engine_that_does_not_take_the_request_is_passed_over_once(
        self, tmp_path: Path, stub: StubEngine, other: StubEngine, stream: bool, command: str, code: str
    ) -> None:
        engines = [
            engine_settings("one", socket=stub.socket),
            engine_settings("two", socket=other.socket),
            engine_settings("three", socket=stub.socket),
        ]
        async with region_under_test(tmp_path, engines) as region:
            before = len(stub.received), len(other.received)
            answer = await region.chat(f"do:{command}", stream=stream)
            assert (answer.status_code, error_of(answer)["code"]) == (503, code)
            assert answer.headers.get("retry-after") == {"429": "3", "401": None, "404": None}.get(command, "1")
            assert (len(stub.received), len(other.received)) == (before[0] + 1, before[1] + 1)
            await region.ledger(0)

    @pytest.mark.parametrize("command", ["400", "408"])
    async def test_other_refusals_are_final(
        self, tmp_path: Path, stub: StubEngine, other: StubEngine, command: str
    ) -> None:
        engines = [engine_settings("one", socket=stub.socket), engine_settings("two", socket=other.socket)]
        async with region_under_test(tmp_path, engines) as region:
            before = len(other.received)
            await region.chat(f"do:{command}")
            assert len(other.received) == before

    async def test_after_the_first_byte_nobody_else_is_asked(
        self, tmp_path: Path, stub: StubEngine, other: StubEngine
    ) -> None:
        engines = [engine_settings("one", socket=stub.socket), engine_settings("two", socket=other.socket)]
        async with region_under_test(tmp_path, engines) as region:
            before = len(other.received)
            answer = await region.chat("do:break", stream=True)
            assert events(answer)[-1]["error"]["code"] == "engine_unavailable"
            assert len(other.received) == before

    async def test_without_any_engine_it_is_503_and_soon_over(self, tmp_path: Path) -> None:
        engines = [engine_settings(name, socket=tmp_path / f"{name}.sock") for name in ("one", "two")]
        async with region_under_test(tmp_path, engines) as region:
            answer = await region.chat("hello")
            assert (answer.status_code, error_of(answer)["code"]) == (503, "engine_unavailable")
            assert answer.headers["retry-after"] == "1"
            assert not region.router.any_healthy
            await region.ledger(0)


class TestClientLeaves:
    """The engine's connection is closed within a second, and what was used is metered."""

    async def leave(self, region: RegionUnderTest, stub: StubEngine, text: str, *, stream: bool) -> float:
        """Sends, waits until the engine works, leaves, and returns how long the engine went on."""
        body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": text}], "stream": stream}).encode()
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {SECRET}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        assert stub.open == 0
        reader, writer = await asyncio.open_connection(*region.address)
        writer.write(head.encode() + body)
        await stub.until_open(1)
        if stream and text != "do:hang":
            await asyncio.wait_for(reader.readuntil(b"data: "), 5)
        writer.close()
        return await stub.until_open(0)

    @pytest.mark.parametrize(
        ("text", "stream"),
        [
            pytest.param("do:hang", False, id="unary"),
            pytest.param("do:hang", True, id="stream-not-opened"),
            pytest.param("do:stall", True, id="stream-silent"),
            pytest.param("do:endless", True, id="stream-flowing"),
        ],
    )
    async def test_the_engine_is_told_and_the_ledger_too(
        self, region: RegionUnderTest, stub: StubEngine, text: str, stream: bool
    ) -> None:
        assert await self.leave(region, stub, text, stream=stream) < 1.0
        [row] = await region.ledger(1)
        assert (row.outcome, row.counted_by) == ("client_left", "platform")
        assert row.input_tokens > 0
        assert (row.output_tokens > 0) == (text != "do:hang")

    async def test_a_client_that_does_not_read_does_not_fill_the_memory(
        self, region: RegionUnderTest, stub: StubEngine
    ) -> None:
        """Leaving is noticed although everything that could be written is waiting."""
        reader, writer = await asyncio.open_connection(*region.address, limit=1024)
        body = b'{"model":"%s","stream":true,"messages":[{"role":"user","content":"do:endless"}]}' % MODEL.encode()
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nauthorization: Bearer %s\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n%s" % (SECRET.encode(), len(body), body)
        )
        await stub.until_open(1)
        assert await asyncio.wait_for(reader.read(10), 5)
        writer.transport.abort()
        assert await stub.until_open(0) < 1.0

    async def test_the_server_stops_and_what_it_cuts_off_is_metered(self, tmp_path: Path, stub: StubEngine) -> None:
        settings = engine_settings("one", socket=stub.socket)
        async with region_under_test(tmp_path, [settings]) as region:
            waiting = asyncio.create_task(region.chat("do:endless", stream=True))
            await stub.until_open(1)
            meter = region.meter
        outcome = (await asyncio.gather(waiting, return_exceptions=True))[0]
        assert isinstance(outcome, httpx2.TransportError | httpx2.Response)
        # No request was running any more when the server had stopped, so the meter, which stops last, has all.
        assert len(meter._entries) == 1
        await until(lambda: stub.open == 0)
