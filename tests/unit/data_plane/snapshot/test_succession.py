"""When a region takes another root key for the one that it trusts, and only then (decision 0013)."""

from typing import Any

import pytest
from msgspec.structs import replace

from domicile.boundary.publisher_key import RootSuccession, SignedSuccession
from domicile.boundary.signing import public_key_bytes, public_key_id, sign_succession
from domicile.data_plane.identity import Enrollment
from domicile.data_plane.snapshot.succession import follow
from domicile.data_plane.snapshot.verification import Position, SnapshotRefusedError
from tests.unit.data_plane.region_parts import INSTALLATION, Publisher

FIRST = Publisher()
SECOND = FIRST.succeeded()
THIRD = SECOND.succeeded()
OTHER = Publisher()
TO_SECOND, TO_THIRD = FIRST.succession_to(SECOND), SECOND.succession_to(THIRD)

ANOTHER_ROOT = "a succession to another root key than the trusted one"
NOT_SIGNED = "a succession that the root key has not signed"
OLD = "a succession from before what was seen"


def trusted(*successions: SignedSuccession, by: Publisher = FIRST, seen: int = 0) -> bytes | None:
    return follow(successions, by.enrollment, Position(seen)).root_key


def refusal(*successions: SignedSuccession, by: Publisher = FIRST, seen: int = 0) -> str:
    with pytest.raises(SnapshotRefusedError) as caught:
        trusted(*successions, by=by, seen=seen)
    return str(caught.value)


def test_without_one_nothing_changes() -> None:
    enrollment = FIRST.enrollment
    assert follow((), enrollment, Position()) is enrollment


def test_the_next_root_key_is_trusted_and_what_it_certified_before_is_not() -> None:
    after = follow((TO_SECOND,), FIRST.enrollment, Position(FIRST.serial))
    assert after == Enrollment(INSTALLATION, public_key_bytes(SECOND.root), TO_SECOND.succession.serial)


def test_a_region_that_was_off_for_two_rotations_follows_both() -> None:
    assert trusted(TO_SECOND, TO_THIRD) == public_key_bytes(THIRD.root)


@pytest.mark.parametrize(
    ("successions", "by"),
    [
        pytest.param((TO_THIRD,), FIRST, id="skip"),
        pytest.param((TO_THIRD, TO_SECOND), FIRST, id="order"),
        pytest.param((TO_SECOND,), SECOND, id="replay"),
        pytest.param((TO_SECOND, TO_SECOND), FIRST, id="twice"),
        pytest.param((TO_SECOND, FIRST.succession_to(OTHER, serial=9)), FIRST, id="two-successors"),
        pytest.param((FIRST.succession_to(OTHER, serial=9),), SECOND, id="another-successor-later"),
        pytest.param((OTHER.succession_to(SECOND, serial=9),), FIRST, id="another-root"),
    ],
)
def test_a_chain_that_does_not_begin_at_the_trusted_root_or_has_a_gap_is_refused(
    successions: tuple[SignedSuccession, ...], by: Publisher
) -> None:
    assert refusal(*successions, by=by) == ANOTHER_ROOT


@pytest.mark.parametrize(
    "change",
    [
        {"public_key": public_key_bytes(OTHER.root)},
        {"serial": 99},
        {"installation_id": "inst_" + "X" * 24},
    ],
)
def test_a_changed_one_is_none(change: dict[str, Any]) -> None:
    changed = replace(TO_SECOND, succession=replace(TO_SECOND.succession, **change))
    assert refusal(changed) == NOT_SIGNED


def test_both_keys_must_have_signed_each_in_its_own_place() -> None:
    named = TO_SECOND.succession
    # Somebody names a key that he does not have; somebody who has a key says that it is the successor.
    not_possessed = sign_succession(FIRST.root, OTHER.root, named)
    not_named = sign_succession(SECOND.root, SECOND.root, named)
    swapped = SignedSuccession(named, TO_SECOND.possession, TO_SECOND.signature)
    for forged in (not_possessed, not_named, swapped):
        assert refusal(forged) == NOT_SIGNED


def test_another_installations_is_refused_though_the_root_key_is_right() -> None:
    foreign = FIRST.succession_to(SECOND, installation_id="inst_" + "X" * 24)
    assert refusal(foreign) == "another installation's"


@pytest.mark.parametrize("seen", [TO_SECOND.succession.serial, 99])
def test_the_serial_grows_beyond_what_was_seen(seen: int) -> None:
    assert refusal(TO_SECOND, seen=seen) == OLD
    assert trusted(TO_SECOND, seen=TO_SECOND.succession.serial - 1) == public_key_bytes(SECOND.root)


def test_a_root_key_that_comes_back_brings_no_replay_along() -> None:
    back = SECOND.succession_to(FIRST, serial=TO_THIRD.succession.serial)
    after = follow((TO_SECOND, back), FIRST.enrollment, Position())
    assert after.root_key == public_key_bytes(FIRST.root)
    with pytest.raises(SnapshotRefusedError, match=OLD):
        follow((TO_SECOND,), after, Position())


def test_a_region_from_before_there_were_root_keys_has_none_to_succeed() -> None:
    enrollment = Enrollment(INSTALLATION, None, 0, public_key_bytes(FIRST.key))
    of_nothing = RootSuccession(INSTALLATION, public_key_id(b""), public_key_bytes(SECOND.root), 9)
    with pytest.raises(SnapshotRefusedError, match=ANOTHER_ROOT):
        follow((sign_succession(FIRST.key, SECOND.root, of_nothing),), enrollment, Position())
