"""How a region and the control plane come to know each other, once.

The operator's `domicile regions enroll CODE` makes a token for one region. It carries the installation's public root key, so
a region that uses it trusts exactly that control plane; the secret in it lets the control plane trust the region's key.
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
    """Valid once, for one region, for an hour."""

    installation_id: InstallationId
    region: RegionCode
    root_key: PublicKey
    # Of the publisher's certificate when the token was made: an older one is refused from the start.
    serial: Serial
    secret: Secret


class EnrollmentRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What a region says of itself, for ever: its identity, countries and residency value (design 6)."""

    region: RegionCode
    secret: Secret
    public_key: PublicKey
    residency: ResidencyValue
    countries: tuple[CountryCode, ...]


class EnrollmentReceipt(Struct, frozen=True, forbid_unknown_fields=True):
    """The control plane's answer."""

    installation_id: InstallationId
    region: RegionCode


_PREFIX = "domicile-enroll-2"


def encode_token(token: EnrollmentToken) -> str:
    """One line of text that an operator can carry from one terminal to another."""
    return _PREFIX + base64.urlsafe_b64encode(msgspec.msgpack.encode(token)).decode().rstrip("=")


def decode_token(text: str) -> EnrollmentToken:
    """Raises ValueError when the text is not a whole token."""
    if not text.startswith(_PREFIX):
        raise ValueError("not an enrollment token")
    body = text.removeprefix(_PREFIX)
    try:
        data = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
        return msgspec.msgpack.decode(data, type=EnrollmentToken)
    except (ValueError, msgspec.MsgspecError) as error:
        raise ValueError("the enrollment token is damaged; copy it whole") from error
