"""Enrollment: a region and the control plane exchange their keys, once.

The operator's `domicile regions enroll CODE` makes a token for one region. The token carries the installation's public root
key, so that the region trusts exactly this control plane. Its secret lets the control plane trust the region's key.
"""

import base64
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from domicile.boundary.publisher_key import PublicKey, Serial
from domicile.kernel.ids import InstallationId, RegionCode

CountryCode = Annotated[str, Meta(pattern=r"^[A-Z]{2}\Z")]
ResidencyValue = Annotated[str, Meta(pattern=r"^[A-Z][A-Z0-9_]{1,63}\Z")]
Secret = Annotated[bytes, Meta(min_length=32, max_length=32)]


class EnrollmentToken(Struct, frozen=True, forbid_unknown_fields=True):
    """The operator's token. Valid once, for one region, for an hour."""

    installation_id: InstallationId
    region: RegionCode
    root_key: PublicKey
    # The serial of the publisher's certificate when the token was made. The region refuses any older certificate.
    serial: Serial
    secret: Secret


class EnrollmentRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A region's request: its public key, countries and residency value, which the control plane records (design 6)."""

    region: RegionCode
    secret: Secret
    public_key: PublicKey
    residency: ResidencyValue
    countries: tuple[CountryCode, ...]


class EnrollmentReceipt(Struct, frozen=True, forbid_unknown_fields=True):
    """The control plane's answer: the region is enrolled."""

    installation_id: InstallationId
    region: RegionCode


_PREFIX = "domicile-enroll-2"


def encode_token(token: EnrollmentToken) -> str:
    """The token as one line of text, to copy from one terminal to another."""
    return _PREFIX + base64.urlsafe_b64encode(msgspec.msgpack.encode(token)).decode().rstrip("=")


def decode_token(text: str) -> EnrollmentToken:
    """The token in the text. Raises ValueError when the text is not a complete token."""
    if not text.startswith(_PREFIX):
        raise ValueError("not an enrollment token")
    body = text.removeprefix(_PREFIX)
    try:
        data = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
        return msgspec.msgpack.decode(data, type=EnrollmentToken)
    except (ValueError, msgspec.MsgspecError) as error:
        raise ValueError("the enrollment token is damaged; copy it whole") from error
