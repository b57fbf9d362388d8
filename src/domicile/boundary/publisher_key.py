"""The publisher key, which signs snapshots, and the root key, which certifies it and can be kept offline.

A region trusts the root key, and accepts snapshots that a certified key has signed. Once it has seen a certificate, it refuses
every certificate with a lower serial. So a stolen publisher key is worthless after the next one is certified.

A root key names its successor, once. A region that trusts the old root key then trusts the new one in its place.
"""

from typing import Annotated

from msgspec import Meta, Struct

from domicile.kernel.ids import InstallationId, PublicKeyId

PublicKey = Annotated[bytes, Meta(min_length=32, max_length=32)]
Serial = Annotated[int, Meta(ge=1)]
Signature = Annotated[bytes, Meta(min_length=64, max_length=64)]


class PublisherCertificate(Struct, frozen=True, forbid_unknown_fields=True):
    """States that this key signs the installation's snapshots issued from `not_before_ms` on."""

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
    """A root key's last statement: `public_key` is the installation's root key from now on."""

    installation_id: InstallationId
    # The id of the old root key.
    before: PublicKeyId
    public_key: PublicKey
    # One sequence with the certificates' serials: above those under the old key, below those under the new one.
    serial: Serial


class SignedSuccession(Struct, frozen=True, forbid_unknown_fields=True):
    """The succession, signed by the old key, and by the new one to prove that it is in possession (`signing`)."""

    succession: RootSuccession
    signature: Signature
    possession: Signature
