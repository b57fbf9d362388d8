"""The rules for replacing the root key that a region trusts."""

from collections.abc import Iterable
from dataclasses import replace

from domicile.boundary.publisher_key import SignedSuccession
from domicile.boundary.signing import BadSignatureError, open_succession, public_key_id
from domicile.data_plane.identity import Enrollment
from domicile.data_plane.snapshot.verification import Position, SnapshotRefusedError


def follow(successions: Iterable[SignedSuccession], enrollment: Enrollment, held: Position) -> Enrollment:
    """The enrollment after these successions, oldest first. They must form a chain from the root key that is trusted now.

    Raises `SnapshotRefusedError`. Each root key names one successor. A second successor, a replay or a gap in the chain starts
    at a key that is not trusted. Each serial must exceed every serial seen so far, so that old successions stay invalid even
    if an old root key is used again.
    """
    for signed in successions:
        succession = signed.succession
        if enrollment.root_key is None or succession.before != public_key_id(enrollment.root_key):
            raise SnapshotRefusedError("a succession to another root key than the trusted one")
        try:
            open_succession(enrollment.root_key, signed)
        except BadSignatureError:
            raise SnapshotRefusedError("a succession that the root key has not signed") from None
        if succession.installation_id != enrollment.installation_id:
            raise SnapshotRefusedError("another installation's")
        if succession.serial <= max(held.serial, enrollment.serial):
            raise SnapshotRefusedError("a succession from before what was seen")
        enrollment = replace(enrollment, root_key=succession.public_key, serial=succession.serial)
    return enrollment
