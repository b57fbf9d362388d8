"""Large work leaves the event loop, small work stays."""

import threading

from domicile.process.off_loop import LARGE_BYTES, off_loop


async def test_only_work_on_more_than_the_limit_leaves_the_loop() -> None:
    here = threading.get_ident()
    assert await off_loop(threading.get_ident, LARGE_BYTES) == here
    assert await off_loop(threading.get_ident, LARGE_BYTES + 1) != here


async def test_an_error_comes_back_from_either_place() -> None:
    def fail() -> None:
        raise ValueError("as it was raised")

    for size in (1, LARGE_BYTES + 1):
        try:
            await off_loop(fail, size)
        except ValueError as error:
            assert str(error) == "as it was raised"
        else:
            raise AssertionError("no error came back")
