"""Large work leaves the event loop, small work stays."""

import asyncio
import threading

from domicile.process.off_loop import LARGE_BYTES, off_loop


async def test_only_work_on_more_than_the_limit_leaves_the_loop() -> None:
    here = threading.get_ident()
    assert await off_loop(threading.get_ident, LARGE_BYTES, "one") == here
    assert await off_loop(threading.get_ident, LARGE_BYTES + 1, "one") != here


async def test_an_error_comes_back_from_either_place() -> None:
    def fail() -> None:
        raise ValueError("as it was raised")

    for size in (1, LARGE_BYTES + 1):
        try:
            await off_loop(fail, size, "one")
        except ValueError as error:
            assert str(error) == "as it was raised"
        else:
            raise AssertionError("no error came back")


async def test_projects_take_turns() -> None:
    """The next free thread is the other project's, however much of the first one's waits."""
    go_on, other_ran = threading.Event(), threading.Event()

    def first() -> None:
        assert go_on.wait(60)

    def waiting() -> None:
        assert other_ran.wait(60), "both threads went to one project"

    busy = [asyncio.create_task(off_loop(first, LARGE_BYTES + 1, "one")) for _ in range(2)]
    more = [asyncio.create_task(off_loop(waiting, LARGE_BYTES + 1, "one")) for _ in range(4)]
    other = asyncio.create_task(off_loop(other_ran.set, LARGE_BYTES + 1, "other"))
    # Each task has run until it waits.
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(*busy, *more, other)


async def test_a_thread_is_taken_until_its_work_ends_though_the_request_was_cancelled() -> None:
    go_on, ended = threading.Event(), list[str]()
    began = [asyncio.create_task(off_loop(lambda: go_on.wait(60), LARGE_BYTES + 1, "one")) for _ in range(2)]
    await asyncio.sleep(0)
    waits = asyncio.create_task(off_loop(lambda: ended.append("next"), LARGE_BYTES + 1, "one"))
    for task in began:
        task.cancel()
    await asyncio.wait(began)
    assert not waits.done()
    go_on.set()
    await waits
    assert ended == ["next"]
