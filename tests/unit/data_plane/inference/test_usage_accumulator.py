"""What is gathered of one request while it runs, and the ledger's line that becomes of it."""

from domicile.boundary.usage import ImageSize, Usage
from domicile.data_plane.inference.adapter import ReplyPart
from domicile.data_plane.inference.usage_accumulator import UsageAccumulator
from domicile.data_plane.metering.entry import CountedBy, LedgerEntry, Outcome
from domicile.data_plane.routing import Placement
from tests.unit.data_plane.region_parts import NOW_MS
from tests.unit.data_plane.test_routing import reservation

PLACEMENT = Placement(reservation(), "one", "one-model", "label-one", "DE", "the tests")


def line(*parts: ReplyPart, asked: Usage | None = None) -> LedgerEntry:
    accumulator = UsageAccumulator("req_1", NOW_MS)
    accumulator.started(PLACEMENT, asked or Usage())
    for part in parts:
        accumulator.add(part)
    entry = accumulator.entry(PLACEMENT.reservation, Outcome.COMPLETE)
    assert entry is not None
    return entry


def test_the_engines_last_count_goes_before_the_platforms() -> None:
    parts = [ReplyPart(b"a", Usage(output_tokens=1), Usage(5)), ReplyPart(b"b", Usage(output_tokens=1), Usage(5, 0, 2))]
    assert (line(*parts).usage, line(*parts).counted_by) == (Usage(5, 0, 2), CountedBy.ENGINE)
    assert line(parts[0], asked=Usage(3)).counted_by is CountedBy.ENGINE


def test_without_one_what_was_asked_and_what_was_said_add_up() -> None:
    entry = line(ReplyPart(b"a", Usage(output_tokens=1)), ReplyPart(b"b", Usage(characters=4)), asked=Usage(3))
    assert (entry.usage, entry.counted_by) == (Usage(3, output_tokens=1, characters=4), CountedBy.PLATFORM)


def test_images_are_told_apart_by_their_size() -> None:
    entry = line(ReplyPart(b"a", Usage(images=2), image_size=ImageSize.PORTRAIT_1792), ReplyPart(b"b"))
    assert (entry.image_size, entry.usage.images) == (ImageSize.PORTRAIT_1792, 2)
    assert line(ReplyPart(b"a")).image_size is None


def test_what_never_ran_has_no_line() -> None:
    accumulator = UsageAccumulator("req_1", NOW_MS)
    assert accumulator.entry(PLACEMENT.reservation, Outcome.CLIENT_LEFT) is None
    accumulator.started(PLACEMENT, Usage(3))
    accumulator.nothing_ran()
    assert accumulator.entry(PLACEMENT.reservation, Outcome.CLIENT_LEFT) is None
    assert accumulator.usage == Usage()
