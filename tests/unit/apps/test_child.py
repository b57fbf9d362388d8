"""How long a restart waits, and where the output goes."""

from pathlib import Path

from domicile.apps.local.child import BackOff
from domicile.apps.local.logs import ROTATE_BYTES, last_lines, open_log


def test_each_start_waits_longer_up_to_ten_seconds() -> None:
    back_off = BackOff()
    delays = [back_off.after(1.0) for _ in range(8)]
    assert delays == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]


def test_one_that_lived_for_a_while_is_started_at_once_again() -> None:
    back_off = BackOff()
    for _ in range(5):
        back_off.after(29.9)
    assert back_off.after(30.0) == 0.2
    assert back_off.after(1.0) == 0.4


def test_a_log_goes_on_over_starts_until_it_is_long(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "region.log"
    for text in (b"first\n", b"second\n"):
        with open_log(path) as log:
            log.write(text)
    assert path.read_bytes() == b"first\nsecond\n"
    assert path.stat().st_mode & 0o077 == 0
    path.write_bytes(b"x" * (ROTATE_BYTES + 1))
    open_log(path).close()
    assert path.stat().st_size == 0
    assert path.with_name("region.log.1").stat().st_size == ROTATE_BYTES + 1


def test_the_end_of_a_log_is_short_and_readable(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    assert last_lines(path) == []
    path.write_bytes(b"\xff" * 9000 + b"\n" + b"".join(b"line %d\n" % number for number in range(100)))
    assert last_lines(path) == [f"line {number}" for number in range(85, 100)]
