"""docs/contract.md is what the tests' marks say, and every line is shown or says why not."""

import tomllib

from tests.contract_table.collect import LINES, TABLE, marked_tests, rendered


def test_the_table_is_current() -> None:
    assert TABLE.read_text("utf-8") == rendered(), "run `make contract`"


def test_every_line_is_shown_or_says_why_not() -> None:
    data = tomllib.loads(LINES.read_text("utf-8"))
    lines, excused, shown = set(data["lines"]), set(data["not_shown_yet"]), set(marked_tests())
    assert lines == {f"C{number:02}" for number in range(1, 30)}
    assert shown <= lines, "a mark names a line that the contract does not have"
    assert set(data["shown_in_part"]) <= shown, "what no test shows at all is not shown in part"
    assert lines - shown == excused, "an excuse is for what no test shows, and for nothing else"
