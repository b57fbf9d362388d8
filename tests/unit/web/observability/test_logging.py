"""Log lines: in order, together where an event loop runs, and never a reason to fail."""

import asyncio
import io
import json
import logging
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from domicile.web.observability import logging as web_logging
from domicile.web.observability.logging import LineWriter, configure_logging


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What a configured process writes to standard error."""
    text = io.StringIO()
    monkeypatch.setattr("sys.stderr", text)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        configure_logging("info")
        yield text
    finally:
        structlog.reset_defaults()
        root.handlers[:] = handlers
        root.setLevel(level)


def events(stream: io.StringIO) -> list[str]:
    return [json.loads(line)["event"] for line in stream.getvalue().splitlines()]


def test_a_line_has_its_event_level_and_time_and_no_traceback(stream: io.StringIO) -> None:
    try:
        raise ValueError("what a caller sent")
    except ValueError:
        structlog.get_logger("x").info("thing", number=1, none=None, exc_info=True)
    line = json.loads(stream.getvalue())
    assert line.pop("timestamp").endswith("Z")
    assert line == {"number": 1, "none": None, "event": "thing", "level": "info"}


@pytest.mark.parametrize("value", ["\ud800", 10**30, math.inf, Path("/x"), {1, 2}, b"\xff", {"a": object}])
def test_whatever_is_logged_is_a_line(stream: io.StringIO, value: object) -> None:
    structlog.get_logger("x").info("thing", value=value)
    assert events(stream) == ["thing"]


async def test_lines_of_an_event_loop_are_written_together_and_soon() -> None:
    text = io.StringIO()
    lines = LineWriter(text)
    lines.info("1")
    lines.info("2")
    assert text.getvalue() == ""
    async with asyncio.timeout(30):
        while not text.getvalue():
            await asyncio.sleep(0.005)
    assert text.getvalue() == "1\n2\n"
    lines.info("3")
    lines.warning("4")
    assert text.getvalue() == "1\n2\n3\n4\n"


async def test_many_are_written_at_once_and_a_thread_writes_all_that_wait() -> None:
    text = io.StringIO()
    lines = LineWriter(text)
    for number in range(web_logging._WAITING_MAX):
        lines.info(str(number))
    assert len(text.getvalue().splitlines()) == web_logging._WAITING_MAX
    lines.info("waits")
    await asyncio.to_thread(lines.info, "of a thread")
    assert text.getvalue().splitlines()[-2:] == ["waits", "of a thread"]


def test_a_loop_that_ends_takes_no_line_along() -> None:
    text = io.StringIO()
    lines = LineWriter(text)

    async def log(line: str) -> None:
        lines.info(line)

    asyncio.run(log("1"))
    asyncio.run(log("2"))
    assert text.getvalue() == ""
    lines.info("3")
    assert text.getvalue() == "1\n2\n3\n"


def test_a_disk_that_is_full_is_no_reason_to_fail() -> None:
    class Full(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError("no space left")

    LineWriter(Full()).warning("lost")


def test_a_librarys_message_is_told_without_its_text(stream: io.StringIO) -> None:
    logging.getLogger("library").warning("what a caller sent: %s", "secret")
    line = json.loads(stream.getvalue())
    assert (line["event"], line["logger"], line["level"]) == ("library", "library", "warning")
    assert "secret" not in stream.getvalue()
