"""How many places of an engine lines of batches may take, by what interactive requests have waited."""

import pytest

from domicile.data_plane.batch_gate import HALVING_S, QUIET_S, BatchGate


class Gate(BatchGate):
    """With a time that the test sets."""

    def __init__(self, share: int, *, is_fixed: bool = False) -> None:
        self.now = 1000.0
        super().__init__(share, lambda: self.now, is_fixed=is_fixed)

    def wait(self) -> None:
        """An interactive request waits for an instant."""
        with self.interactive_waits():
            pass

    def closed(self) -> "Gate":
        while self.places() > 1:
            self.now += HALVING_S
            self.wait()
        return self


def test_it_begins_with_its_share_and_never_exceeds_it() -> None:
    gate = Gate(16)
    assert gate.places() == 16
    gate.now += 10 * QUIET_S
    assert gate.places() == 16


def test_it_halves_at_once_and_keeps_one_place() -> None:
    gate, seen = Gate(9), []
    for _ in range(5):
        gate.wait()
        seen.append(gate.places())
        gate.now += HALVING_S
    assert seen == [4, 2, 1, 1, 1]


def test_requests_that_begin_to_wait_together_halve_it_once() -> None:
    gate = Gate(16)
    for _ in range(10):
        gate.wait()
    assert gate.places() == 8
    gate.now += HALVING_S
    gate.wait()
    assert gate.places() == 4


@pytest.mark.parametrize(("share", "opened"), [(64, [9, 17, 25, 64]), (4, [2, 3, 4, 4]), (1, [1, 1, 1, 1])])
def test_it_opens_by_an_eighth_for_each_minute_in_which_none_waited(share: int, opened: list[int]) -> None:
    gate = Gate(share).closed()
    seen = []
    for minutes in (1, 1, 1, 5):
        gate.now += minutes * QUIET_S
        seen.append(gate.places())
    assert seen == opened


def test_it_stays_while_any_request_waited_within_the_last_minute() -> None:
    gate = Gate(16).closed()
    for _ in range(10):
        gate.now += QUIET_S - 0.01
        assert gate.places() == 1
        gate.wait()
    gate.now += QUIET_S - 0.01
    assert gate.places() == 1
    gate.now += 0.01
    assert gate.places() == 3


def test_a_request_that_waits_for_long_halves_it_each_second_and_keeps_it_from_opening() -> None:
    gate, seen = Gate(16), []
    with gate.interactive_waits():
        for _ in range(3):
            seen.append(gate.places())
            gate.now += HALVING_S
        gate.now += 10 * QUIET_S
    assert seen == [8, 4, 2]
    assert gate.places() == 1
    gate.now += QUIET_S
    assert gate.places() == 3


def test_minutes_in_which_nobody_looked_count_before_the_next_wait() -> None:
    gate = Gate(16)
    gate.wait()
    gate.now += 10 * QUIET_S
    gate.wait()
    assert gate.places() == 8


def test_a_part_of_a_quiet_minute_is_not_lost_by_looking() -> None:
    gate = Gate(16).closed()
    for _ in range(6):
        gate.now += QUIET_S / 4
        gate.places()
    assert gate.places() == 3
    gate.now += QUIET_S / 2
    assert gate.places() == 5


def test_a_wait_in_another_process_narrows_it_and_is_not_counted_as_its_own() -> None:
    gate = Gate(16)
    gate.narrow()
    assert (gate.places(), gate.waits) == (8, 0)
    gate.wait()
    assert (gate.places(), gate.waits) == (8, 1)


def test_a_fixed_one_stays_at_its_share() -> None:
    gate = Gate(16, is_fixed=True)
    gate.wait()
    assert gate.places() == 16
