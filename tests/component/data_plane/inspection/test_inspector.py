"""The inspector by real processes, and decoders that go wrong in every way."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import uvloop

from domicile.data_plane.inspection.inspector import Inspector
from domicile.data_plane.inspection.process import InspectorDiedError, InspectorNotStartedError
from domicile.media.inspection import ANSWER_SECONDS_MAX, Inspection
from tests.platform.inspectors import inspector_in
from tests.recordings import encoded, tone

RECORDING = encoded(tone(1))
A, B = "proj_a", "proj_b"
FAULTY = "tests.platform.faulty_inspector"


@pytest.fixture
async def inspector(tmp_path: Path) -> AsyncIterator[Inspector]:
    async with AsyncExitStack() as stack:
        yield inspector_in(tmp_path, stack, FAULTY)


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def environment_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


async def until_it_reads(inspector: Inspector) -> None:
    """Its one process has been taken for a recording."""
    async with asyncio.timeout(30):
        while inspector.idle:
            await asyncio.sleep(0)


async def test_a_recording_has_its_length_and_anything_else_is_refused(inspector: Inspector) -> None:
    assert await inspector.inspect(A, RECORDING) == Inspection(milliseconds=1000)
    assert await inspector.inspect(A, b"") == Inspection(refusal="not_sound")
    assert await inspector.inspect(A, b"A text. " * 1000) == Inspection(refusal="not_sound")
    assert len(inspector.idle) == 1, "one process for all that come one after the other"


async def test_a_large_recording_goes_through(inspector: Inspector) -> None:
    large = encoded(tone(800))
    assert len(large) > 24 * 1024 * 1024
    assert (await inspector.inspect(A, large)).milliseconds == 800_000


@pytest.mark.parametrize("fault", [b"crash", b"loop", b"fill beside python", b"deceive"])
async def test_a_fault_costs_its_own_request_alone(inspector: Inspector, fault: bytes) -> None:
    await inspector.inspect(A, RECORDING)
    broken, well = await asyncio.gather(
        inspector.inspect(A, fault), inspector.inspect(B, RECORDING), return_exceptions=True
    )
    assert isinstance(broken, InspectorDiedError)
    assert well == Inspection(milliseconds=1000)
    assert await inspector.inspect(A, RECORDING) == Inspection(milliseconds=1000)


def test_so_it_is_on_the_region_s_own_event_loop(tmp_path: Path) -> None:
    """It starts processes, and sees their end, in its own way."""

    async def crash_and_go_on() -> None:
        async with AsyncExitStack() as stack:
            inspector = inspector_in(tmp_path, stack, FAULTY)
            await inspector.inspect(A, RECORDING)
            with pytest.raises(InspectorDiedError):
                await inspector.inspect(A, b"crash")
            assert await inspector.inspect(A, RECORDING) == Inspection(milliseconds=1000)

    uvloop.run(crash_and_go_on())


async def test_one_that_is_killed_while_it_reads_is_replaced(inspector: Inspector) -> None:
    await inspector.inspect(A, RECORDING)
    pid = inspector.idle[0].pid
    reading = asyncio.create_task(inspector.inspect(A, b"wait"))
    await until_it_reads(inspector)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(InspectorDiedError):
        await reading
    assert await inspector.inspect(A, RECORDING) == Inspection(milliseconds=1000)
    assert inspector.idle[0].pid != pid


async def test_one_that_was_killed_while_it_waited_costs_no_request(inspector: Inspector) -> None:
    await inspector.inspect(A, RECORDING)
    process = inspector.idle[0]
    os.kill(process.pid, signal.SIGKILL)
    async with asyncio.timeout(30):
        while process.is_alive:
            await asyncio.sleep(0.01)
    assert await inspector.inspect(A, RECORDING) == Inspection(milliseconds=1000)


async def test_a_client_that_leaves_takes_the_process_with_it(inspector: Inspector) -> None:
    await inspector.inspect(A, RECORDING)
    pid = inspector.idle[0].pid
    reading = asyncio.create_task(inspector.inspect(A, b"wait"))
    await until_it_reads(inspector)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert not is_there(pid)
    assert await inspector.inspect(A, RECORDING) == Inspection(milliseconds=1000)


async def test_a_decoder_that_hangs_ends_by_itself(inspector: Inspector) -> None:
    """Also when nobody is there any more who would end it."""
    assert 0 < (await inspector.inspect(A, b"time left")).milliseconds <= ANSWER_SECONDS_MAX * 1000


async def test_memory_is_refused_beyond_the_limit(inspector: Inspector) -> None:
    assert await inspector.inspect(A, b"fill") == Inspection(refusal="not_sound")
    assert await inspector.inspect(A, RECORDING) == Inspection(milliseconds=1000)


@pytest.mark.skipif(sys.platform != "linux", reason="seccomp and Landlock are Linux'")
@pytest.mark.parametrize("deed", [b"connect", b"connect here", b"read a file", b"write a file", b"say"])
async def test_a_decoder_that_was_taken_over_reaches_nothing(inspector: Inspector, deed: bytes) -> None:
    assert await inspector.inspect(A, deed) == Inspection(refusal="not_sound")


async def test_signals_to_the_whole_group_do_not_end_it(inspector: Inspector) -> None:
    """A service manager sends SIGTERM to region and inspector at once, and the region still answers what it has begun."""
    await inspector.inspect(A, RECORDING)
    pid = inspector.idle[0].pid
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(pid, number)
    assert await inspector.inspect(A, RECORDING) == Inspection(milliseconds=1000)
    assert inspector.idle[0].pid == pid


async def test_none_outlives_the_region(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        inspector = inspector_in(tmp_path, stack)
        await inspector.inspect(A, RECORDING)
        pid = inspector.idle[0].pid
    assert not is_there(pid)


@pytest.mark.parametrize("command", [["/does/not/exist"], ["/bin/false"], [sys.executable, "-c", "print('hello')"]])
async def test_what_cannot_be_started_is_told(command: list[str]) -> None:
    inspector = Inspector(command, {})
    for _ in range(2):
        with pytest.raises(InspectorNotStartedError):
            await inspector.inspect(A, RECORDING)


@pytest.mark.skipif(sys.platform != "linux", reason="read from Linux' /proc")
async def test_secrets_of_the_region_are_not_handed_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE_KEY", "sk-secret")
    async with AsyncExitStack() as stack:
        inspector = inspector_in(tmp_path, stack)
        await inspector.inspect(A, RECORDING)
        assert b"PATH=" in environment_of(inspector.idle[0].pid)
        assert b"sk-secret" not in environment_of(inspector.idle[0].pid)
