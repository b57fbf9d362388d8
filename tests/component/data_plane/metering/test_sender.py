"""The outbox against a real boundary server: at least once, in order, counted once (design 2)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from domicile.data_plane.control_link import ControlLink
from domicile.data_plane.metering.meter import Meter
from domicile.data_plane.metering.repository import MeteringRepository
from domicile.data_plane.metering.sender import BATCH, IN_FLIGHT, OutboxSender
from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.persistence.database import Database
from tests.component.data_plane.boundary_server import (
    Answer,
    BoundaryServer,
    answers,
    boundary_server,
    breaks_off,
    envelope,
    hangs_up,
)
from tests.unit.data_plane.metering.entries import in_outbox, ledger_entry, read_report
from tests.unit.data_plane.region_parts import WRITER, SetClock, database_in, until


class Sending:
    """A meter, its outbox and the control plane that it is sent to."""

    def __init__(self, server: BoundaryServer, link: ControlLink, database: Database) -> None:
        self.server = server
        self.link = link
        self.database = database
        self.repository = MeteringRepository(database)
        self.meter = self.new_meter(WRITER)
        self.sender = OutboxSender(self.repository, link, self.meter)
        self.entries = 0

    def new_meter(self, writer: str, now_ms: int | None = None) -> Meter:
        clock = SetClock() if now_ms is None else SetClock(now_ms)
        return Meter(
            self.repository, CurrentSnapshot(), region="eu", writer=writer, clock=clock, durable=False, report_every_s=0
        )

    async def report(self, count: int = 1) -> None:
        """Makes `count` reports of one request each."""
        for _ in range(count):
            self.entries += 1
            self.meter.record(ledger_entry(f"req_{self.entries}"))
            await self.meter.flush()

    def sent(self) -> list[int]:
        return [read_report(*item).number for item in self.server.reports]

    async def waiting(self) -> int:
        return len(await in_outbox(self.database))

    async def until_empty(self) -> None:
        async with asyncio.timeout(10):
            while await self.waiting():
                await asyncio.sleep(0.005)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["asyncio.Task[None]"]:
        task = asyncio.create_task(self.sender.run())
        try:
            yield task
            assert not task.done(), "the sender has ended"
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest_asyncio.fixture
async def sending(tmp_path: Path) -> AsyncIterator[Sending]:
    async with boundary_server() as (server, link), database_in(tmp_path, "metering") as database:
        sending = Sending(server, link, database)
        await sending.repository.open_writer(WRITER, 1)
        yield sending


async def test_the_oldest_go_first_and_what_was_sent_is_deleted(sending: Sending) -> None:
    await sending.report(BATCH + 3)
    assert not await sending.sender.send_waiting()
    assert await sending.sender.send_waiting()
    sent = sending.sent()
    assert sent[0] == 1
    assert sorted(sent[:BATCH]) == list(range(1, BATCH + 1))
    assert sorted(sent[BATCH:]) == [BATCH + 1, BATCH + 2, BATCH + 3]
    assert await sending.waiting() == 0


async def test_a_distant_control_plane_is_told_several_at_once(sending: Sending) -> None:
    """None of these is answered before all have come."""
    all_here = asyncio.Barrier(IN_FLIGHT)

    async def together(_request: object) -> web.StreamResponse:
        await all_here.wait()
        return web.Response(body=b'{"new":true}')

    await sending.report(1 + IN_FLIGHT)
    sending.server.answer_reports(answers(200, b'{"new":true}'), *[together] * IN_FLIGHT)
    async with asyncio.timeout(10):
        assert await sending.sender.send_waiting()
    assert await sending.waiting() == 0


async def test_an_earlier_processs_reports_go_first(sending: Sending) -> None:
    await sending.report(2)
    earlier = "wr_" + "A" * 24
    meter = sending.new_meter(earlier)
    await sending.repository.open_writer(earlier, 0)
    meter.record(ledger_entry("req_earlier"))
    await meter.flush()
    await sending.repository.close_writer(earlier, 1)
    await sending.sender.send_waiting()
    found = [(read_report(*item).writer, read_report(*item).number) for item in sending.server.reports]
    assert [found[0], *sorted(found[1:])] == [
        (earlier, 1),
        (WRITER, 1),
        (WRITER, 2),
    ]


async def test_it_sends_by_itself_as_soon_as_there_is_something(
    sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It would not look by itself within this test.
    monkeypatch.setattr("domicile.data_plane.metering.sender.IDLE_S", 3600.0)
    async with sending.running():
        for number in range(1, 4):
            await sending.report()
            await until(lambda expected=number: len(sending.sent()) == expected)  # type: ignore[misc]


async def test_a_duplicate_is_deleted_like_a_new_one(sending: Sending) -> None:
    await sending.report(2)
    sending.server.answer_reports(answers(200, b'{"new":false}'))
    assert await sending.sender.send_waiting()
    assert sending.sent() == [1, 2]
    assert await sending.waiting() == 0


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(answers(500), id="500"),
        pytest.param(answers(503, b"<html>"), id="503"),
        pytest.param(answers(302, b"", location="http://127.0.0.1:9/"), id="redirect"),
        pytest.param(answers(403, b"<html>blocked</html>"), id="proxy-403"),
        pytest.param(answers(413, b"<html>too large</html>"), id="proxy-413"),
        pytest.param(answers(404, envelope("unknown_url")), id="older-control"),
        pytest.param(answers(429, envelope("rate_limit_exceeded")), id="429"),
        pytest.param(answers(403, envelope("bad_signature")), id="bad-signature"),
        pytest.param(answers(403, envelope("unknown_region")), id="unknown-region"),
        pytest.param(answers(403, envelope("unknown_model")), id="older-catalogue"),
        pytest.param(answers(200, b"<html>welcome</html>"), id="html"),
        pytest.param(answers(200, b'{"new":"\xff"}'), id="no-utf-8"),
        pytest.param(hangs_up, id="hangs-up"),
        pytest.param(breaks_off, id="breaks-off"),
    ],
)
async def test_while_the_control_plane_is_away_everything_waits_and_then_goes_once(
    sending: Sending, trouble: Answer
) -> None:
    await sending.report(3)
    sending.server.answer_reports(trouble)
    async with sending.running():
        await until(lambda: len(sending.server.counted) == 3)
        # The first was tried twice; of the others each went once, after it.
        assert sorted(sending.sent()) == [1, 1, 2, 3]
        assert sending.sent()[:2] == [1, 1]
        await sending.until_empty()
        await sending.report()
        await until(lambda: len(sending.server.counted) == 4)
        await sending.until_empty()
    assert sorted(sending.sent()) == [1, 1, 2, 3, 4]


async def test_a_confirmation_that_is_lost_makes_a_duplicate_and_not_a_loss(sending: Sending) -> None:
    async def counts_and_hangs_up(request: object) -> object:
        sending.server.counted.add(sending.server.reports[-1][1])
        return await hangs_up(request)  # type: ignore[arg-type]

    await sending.report()
    sending.server.answer_reports(counts_and_hangs_up)  # type: ignore[arg-type]
    async with sending.running():
        await until(lambda: len(sending.sent()) == 2)
        await sending.until_empty()
    assert sending.server.reports[0] == sending.server.reports[1]
    assert len(sending.server.counted) == 1


@pytest.mark.parametrize(("status", "code"), [(403, "foreign_usage"), (400, "invalid_value"), (409, "conflict")])
async def test_a_refusal_for_good_is_kept_with_its_code_and_later_reports_flow(
    sending: Sending, status: int, code: str
) -> None:
    await sending.report(3)
    sending.server.answer_reports(answers(200, b'{"new":true}'), answers(status, envelope(code)))
    assert await sending.sender.send_waiting()
    assert await sending.sender.send_waiting()
    assert sorted(sending.sent()) == [1, 2, 3]
    [(report, refused_code)] = await in_outbox(sending.database)
    assert refused_code == code
    assert report.number in {2, 3}


async def test_a_restart_sends_what_was_left(sending: Sending) -> None:
    await sending.report(2)
    sending.server.answer_reports(answers(500))
    async with sending.running():
        await until(lambda: len(sending.sent()) == 1)
    following = sending.new_meter("wr_" + "Z" * 24, now_ms=2)
    await following.start()
    await following.flush()
    # The process that follows has a sender of its own, which takes what a closed writer has left along.
    sending.sender = OutboxSender(sending.repository, sending.link, following)
    async with sending.running():
        await until(lambda: len(sending.server.counted) == 3)
    found = [(read_report(*item).writer, read_report(*item).number) for item in sending.server.reports[-3:]]
    assert found[0] == (WRITER, 1)
    assert sorted(found) == [(WRITER, 1), (WRITER, 2), ("wr_" + "Z" * 24, 1)]
