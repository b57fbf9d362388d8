"""What the engine's log holds: nothing that somebody sent."""

import logging

import pytest

from domicile_engines.app.log_lines import ContentFreeFormatter


def line(name: str, message: str, *arguments: object, error: BaseException | None = None) -> str:
    found = None if error is None else (type(error), error, error.__traceback__)
    record = logging.LogRecord(name, logging.ERROR, "file.py", 7, message, arguments, found)
    return ContentFreeFormatter().format(record)


def test_our_own_words_are_shown() -> None:
    assert line("domicile_engines.runtime.resident", "loaded %s", "m").endswith(
        "ERROR domicile_engines.runtime.resident loaded m"
    )


@pytest.mark.parametrize("name", ["uvicorn.error", "asyncio", "faster_whisper", "domicilevil"])
def test_of_a_library_only_the_place_and_the_kind_are_shown(name: str) -> None:
    """uvicorn logs an answer that broke off with its traceback, and with what it was in the middle of."""
    try:
        try:
            raise KeyError("SECRET")
        except KeyError:
            raise ConnectionAbortedError  # noqa: B904 - what it came from must not be shown either
    except ConnectionAbortedError as error:
        shown = line(name, "Exception in %s", "SECRET", error=error)
    assert shown.endswith(f"ERROR {name} line 7 (ConnectionAbortedError)")


def test_not_even_our_own_lines_have_a_traceback() -> None:
    assert line("domicile.x", "it failed", error=ValueError("SECRET")).endswith("it failed (ValueError)")
