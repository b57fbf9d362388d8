"""The control plane's signed time, for a region whose clock is too far off to sign a call."""

from typing import Annotated

from msgspec import Meta, Struct

from domicile.boundary.publisher_key import Signature, SignedCertificate
from domicile.boundary.snapshot import Milliseconds

Nonce = Annotated[bytes, Meta(min_length=32, max_length=32)]


class TimeQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """32 random bytes of the region, by which it refuses an answer that was signed earlier."""

    nonce: Nonce


class SignedTime(Struct, frozen=True, forbid_unknown_fields=True):
    """The time, the publisher key's Ed25519 signature over it and the nonce, and the key's certificate."""

    now_ms: Milliseconds
    signature: Signature
    certificate: SignedCertificate
