"""When an engine is left alone, and for how long."""

import pytest

from domicile.data_plane.circuit_breaker import LONGEST_PAUSE_S, CircuitBreaker


class Breaker(CircuitBreaker):
    """With a time that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0
        super().__init__(lambda: self.now)


@pytest.fixture
def breaker() -> Breaker:
    return Breaker()


def test_three_failures_in_a_row_open_it(breaker: Breaker) -> None:
    for _ in range(5):
        breaker.failed()
        breaker.failed()
        breaker.succeeded()
    breaker.failed()
    breaker.failed()
    assert breaker.allows()
    breaker.failed()
    assert not breaker.allows()
    assert breaker.is_open


def test_half_of_the_last_twenty_open_it_though_never_three_in_a_row(breaker: Breaker) -> None:
    for _ in range(9):
        breaker.succeeded()
        breaker.failed()
        assert breaker.allows()
    breaker.succeeded()
    assert breaker.allows(), "nothing is said of fewer than twenty"
    breaker.failed()
    assert not breaker.allows()


def test_after_the_pause_one_request_decides(breaker: Breaker) -> None:
    breaker.failed(at_once=True)
    breaker.now += 0.99
    assert not breaker.allows()
    breaker.now += 0.01
    assert breaker.allows()
    assert breaker.began()
    assert not breaker.allows(), "one, and no more"
    breaker.succeeded()
    breaker.ended(trial=True)
    assert breaker.allows()
    assert not breaker.is_open
    assert not breaker.began()


def test_a_trial_that_fails_doubles_the_pause_up_to_a_bound(breaker: Breaker) -> None:
    breaker.failed(at_once=True)
    pauses = []
    for _ in range(7):
        began = breaker.now
        while not breaker.allows():
            breaker.now += 0.5
        pauses.append(breaker.now - began)
        assert breaker.began()
        breaker.failed()
        breaker.ended(trial=True)
    assert pauses == [1, 2, 4, 8, 16, LONGEST_PAUSE_S, LONGEST_PAUSE_S]
    breaker.now += LONGEST_PAUSE_S
    breaker.began()
    breaker.succeeded()
    breaker.ended(trial=True)
    breaker.failed(at_once=True)
    breaker.now += 1
    assert breaker.allows(), "once well, it begins anew"


def test_a_trial_whose_client_leaves_decides_nothing_and_another_may_be_made(breaker: Breaker) -> None:
    breaker.failed(at_once=True)
    breaker.now += 1
    breaker.began()
    breaker.ended(trial=True)
    assert breaker.is_open
    assert breaker.allows()


def test_requests_that_were_under_way_when_it_opened_do_not_lengthen_the_pause(breaker: Breaker) -> None:
    assert not breaker.began()
    breaker.failed(at_once=True)
    breaker.now += 0.9
    breaker.failed()
    breaker.ended(trial=False)
    breaker.now += 0.1
    assert breaker.allows()
