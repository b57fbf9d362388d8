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
    trial = breaker.began()
    assert trial is not None
    assert not breaker.allows(), "one, and no more"
    breaker.succeeded()
    breaker.ended(trial)
    assert breaker.allows()
    assert not breaker.is_open
    assert breaker.began() is None


def test_a_trial_that_fails_doubles_the_pause_up_to_a_bound(breaker: Breaker) -> None:
    breaker.failed(at_once=True)
    pauses = []
    for _ in range(7):
        began = breaker.now
        while not breaker.allows():
            breaker.now += 0.5
        pauses.append(breaker.now - began)
        trial = breaker.began()
        breaker.failed(trial)
        breaker.ended(trial)
    assert pauses == [1, 2, 4, 8, 16, LONGEST_PAUSE_S, LONGEST_PAUSE_S]
    breaker.now += LONGEST_PAUSE_S
    trial = breaker.began()
    breaker.succeeded()
    breaker.ended(trial)
    breaker.failed(at_once=True)
    breaker.now += 1
    assert breaker.allows(), "once well, it begins anew"


def test_a_trial_whose_client_leaves_decides_nothing_and_another_may_be_made(breaker: Breaker) -> None:
    breaker.failed(at_once=True)
    breaker.now += 1
    breaker.ended(breaker.began())
    assert breaker.is_open
    assert breaker.allows()


def test_news_of_the_engine_ends_the_pause_and_closes_nothing(breaker: Breaker) -> None:
    breaker.try_soon()
    assert not breaker.is_open
    breaker.failed(at_once=True)
    breaker.try_soon()
    assert breaker.is_open
    assert breaker.began()
    assert not breaker.allows()


def test_requests_that_were_under_way_when_it_opened_do_not_lengthen_the_pause(breaker: Breaker) -> None:
    early = breaker.began()
    assert early is None
    breaker.failed(at_once=True)
    breaker.now += 0.9
    breaker.failed(early)
    breaker.ended(early)
    breaker.now += 0.1
    assert breaker.allows()
    trial = breaker.began()
    breaker.failed(early)
    breaker.failed(trial)
    breaker.ended(trial)
    breaker.now += 2
    assert breaker.allows(), "doubled once"


def test_a_trial_that_goes_on_after_it_has_decided_stands_in_nobodys_way(breaker: Breaker) -> None:
    breaker.failed(at_once=True)
    breaker.now += 1
    long = breaker.began()
    breaker.succeeded()
    breaker.failed(at_once=True)
    breaker.now += 1
    assert breaker.allows(), "the long answer is no trial any more"
    second = breaker.began()
    assert second is not None
    breaker.ended(long)
    assert not breaker.allows(), "and its end is not the second one's"
    breaker.ended(second)
    assert breaker.allows()
