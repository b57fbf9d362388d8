"""Counters of the scale tier by entitlement and minute, until they are taken for a report."""

from dataclasses import replace

from domicile.boundary.service_levels import FirstTokens, ServiceLevelDelta, first_token_bucket
from domicile.data_plane.metering.service_levels import ServedAnswer, ServiceLevelCounters

ANSWER = ServedAnswer("ent_" + "1" * 24, 180_000, False, 10, 5, 4, 400, 120)


def test_answers_add_up_by_entitlement_and_minute_and_are_taken_once() -> None:
    counters = ServiceLevelCounters()
    assert not counters
    other = replace(ANSWER, entitlement_id="ent_" + "2" * 24)
    failed = replace(ANSWER, has_failed=True, input_tokens=0, output_tokens=0, streamed_tokens=0, streaming_ms=0)
    for answer in (ANSWER, ANSWER, replace(failed, first_token_ms=None), other, replace(ANSWER, at_ms=240_000)):
        counters.add(answer)
    assert counters
    first, second, third = counters.take()
    assert first == ServiceLevelDelta(
        minute=3,
        entitlement_id=ANSWER.entitlement_id,
        requests=3,
        failed=1,
        input_tokens=20,
        output_tokens=10,
        streamed_tokens=8,
        streaming_milliseconds=800,
        first_tokens=(FirstTokens(first_token_bucket(120), 2),),
    )
    assert (second.entitlement_id, second.requests) == (other.entitlement_id, 1)
    assert (third.minute, third.requests) == (4, 1)
    assert counters.take() == ()
    assert not counters
