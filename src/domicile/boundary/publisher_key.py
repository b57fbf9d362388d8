"""By whose authority a key signs snapshots: the installation's root key, which can be kept offline, certifies it.

A region trusts the root key. It takes a snapshot that is signed by a certified key, and once it has seen a certificate with a
higher serial, never again one with a lower: so a key that was stolen is worth nothing after the next one was certified.

A root key names its successor itself, once: a region that trusts the old one trusts the new one instead from then on.
"""

from typing import Annotated

from msgspec import Meta, Struct

from domicile.kernel.ids import InstallationId, PublicKeyId

PublicKey = Annotated[bytes, Meta(min_length=32, max_length=32)]
Serial = Annotated[int, Meta(ge=1)]
Signature = Annotated[bytes, Meta(min_length=64, max_length=64)]


class PublisherCertificate(Struct, frozen=True, forbid_unknown_fields=True):
    """The root key's word that this key signs the installation's snapshots, those issued from `not_before_ms` on."""

    installation_id: InstallationId
    key_id: PublicKeyId
    public_key: PublicKey
    not_before_ms: Annotated[int, Meta(ge=0)]
    serial: Serial


class SignedCertificate(Struct, frozen=True, forbid_unknown_fields=True):
    """The certificate, and the root key's Ed25519 signature over its members (`signing.sign_certificate`)."""

    certificate: PublisherCertificate
    signature: Signature


class RootSuccession(Struct, frozen=True, forbid_unknown_fields=True):
    """A root key's last word: this key is the installation's root key from now on."""

    installation_id: InstallationId
    # The old key's short name.
    before: PublicKeyId
    public_key: PublicKey
    # One sequence with the certificates' serials: above those under the old key, below those under the new one.
    serial: Serial


class SignedSuccession(Struct, frozen=True, forbid_unknown_fields=True):
    """The succession with the old key's signature, and the new one's to prove that somebody has it (`signing`)."""

    succession: RootSuccession
    signature: Signature
    possession: Signature
