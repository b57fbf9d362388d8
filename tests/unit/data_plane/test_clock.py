"""The region's time: the machine's own, until what the control plane has signed says otherwise (decision 0010)."""

import pytest

from domicile.data_plane.clock import RegionClock
from tests.unit.data_plane.region_parts import NOW_MS, SetClock

HOUR_MS = 3_600_000


@pytest.mark.parametrize("off_ms", [HOUR_MS, -HOUR_MS])
def test_a_fresh_snapshot_corrects_both_ways_and_the_last_correction_holds(off_ms: int) -> None:
    machine = SetClock(NOW_MS + off_ms)
    clock = RegionClock(machine)
    assert clock.now_ms() == NOW_MS + off_ms
    clock.correct(NOW_MS, is_fresh=True)
    assert (clock.now_ms(), clock.correction_ms) == (NOW_MS, -off_ms)
    machine.ms += 10 * HOUR_MS
    assert clock.now_ms() == NOW_MS + 10 * HOUR_MS


@pytest.mark.parametrize("off_ms", [-5_000, 0, 5_000])
def test_a_machine_that_agrees_is_left_alone(off_ms: int) -> None:
    clock = RegionClock(SetClock(NOW_MS + off_ms))
    clock.correct(NOW_MS, is_fresh=True)
    assert clock.correction_ms == 0


def test_a_clock_that_was_mended_is_believed_again() -> None:
    machine = SetClock(NOW_MS + HOUR_MS)
    clock = RegionClock(machine)
    clock.correct(NOW_MS, is_fresh=True)
    machine.ms = NOW_MS + 10_000
    clock.correct(NOW_MS + 9_800, is_fresh=True)
    assert clock.now_ms() == NOW_MS + 10_000


def test_an_old_snapshot_only_says_what_the_time_is_not_before() -> None:
    clock = RegionClock(SetClock(NOW_MS))
    clock.correct(NOW_MS - HOUR_MS, is_fresh=False)
    assert clock.now_ms() == NOW_MS
    clock.correct(NOW_MS + HOUR_MS, is_fresh=False)
    assert clock.now_ms() == NOW_MS + HOUR_MS


def test_the_time_does_not_tremble_with_the_network() -> None:
    clock = RegionClock(SetClock(NOW_MS + HOUR_MS))
    clock.correct(NOW_MS, is_fresh=True)
    for latency_ms in (300, 5, 900):
        clock.correct(NOW_MS - latency_ms, is_fresh=True)
        assert clock.now_ms() == NOW_MS
