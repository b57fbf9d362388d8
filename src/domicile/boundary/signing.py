"""Signatures across the boundary: Ed25519 (RFC 8032). Each use has its own prefix, so no signature can serve as another."""

import base64
import hashlib

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from domicile.boundary.publisher_key import (
    PublisherCertificate,
    RootSuccession,
    SignedCertificate,
    SignedSuccession,
)
from domicile.boundary.snapshot import Manifest, SignedManifest
from domicile.boundary.time import SignedTime
from domicile.kernel.ids import RESERVED_REGION_CODES

REGION_HEADER = "domicile-region"
REPLICA_HEADER = "domicile-replica"
TIMESTAMP_HEADER = "domicile-timestamp"
SIGNATURE_HEADER = "domicile-signature"
CLOCK_TOLERANCE_MS = 300_000

_MANIFEST_PREFIX = b"domicile snapshot manifest 1\n"
_CERTIFICATE_PREFIX = b"domicile publisher certificate 1\n"
_SUCCESSION_PREFIX = b"domicile root succession 1\n"
_POSSESSION_PREFIX = b"domicile root possession 1\n"
_TIME_PREFIX = b"domicile time 1\n"
_REQUEST_PREFIX = b"domicile region request 1\n"


class BadSignatureError(ValueError):
    """The signature is not valid. It gives no reason, on purpose."""


def public_key_bytes(key: Ed25519PrivateKey) -> bytes:
    """The 32 raw bytes of the public half."""
    return key.public_key().public_bytes_raw()


def public_key_id(public_key: bytes) -> str:
    """A short name for a public key: `pk_` and the first 8 bytes of its SHA-256 in hex."""
    return f"pk_{hashlib.sha256(public_key).hexdigest()[:16]}"


def sign_certificate(root: Ed25519PrivateKey, certificate: PublisherCertificate) -> SignedCertificate:
    """The certificate, signed by the root key."""
    return SignedCertificate(certificate, root.sign(_certificate_message(certificate)))


def open_certificate(root_key: bytes, signed: SignedCertificate) -> PublisherCertificate:
    """The certificate, verified with the root key. Raises `BadSignatureError`."""
    _verify(root_key, signed.signature, _certificate_message(signed.certificate))
    return signed.certificate


def sign_succession(old: Ed25519PrivateKey, new: Ed25519PrivateKey, succession: RootSuccession) -> SignedSuccession:
    """The succession, signed by the old root key and by the new one."""
    message = _succession_message(succession)
    return SignedSuccession(succession, old.sign(_SUCCESSION_PREFIX + message), new.sign(_POSSESSION_PREFIX + message))


def open_succession(root_key: bytes, signed: SignedSuccession) -> RootSuccession:
    """The succession, verified with both keys. Raises `BadSignatureError` when either of the two has not signed it."""
    message = _succession_message(signed.succession)
    _verify(root_key, signed.signature, _SUCCESSION_PREFIX + message)
    _verify(signed.succession.public_key, signed.possession, _POSSESSION_PREFIX + message)
    return signed.succession


def sign_manifest(
    key: Ed25519PrivateKey, manifest: Manifest, certificate: SignedCertificate | None = None
) -> SignedManifest:
    """Encodes the manifest once, and signs those bytes."""
    data = msgspec.json.encode(manifest)
    return SignedManifest(data, key.sign(_MANIFEST_PREFIX + data), certificate)


def open_manifest(public_key: bytes, signed: SignedManifest) -> Manifest:
    """Verifies the signature, then decodes the manifest. Raises `BadSignatureError` or `msgspec.MsgspecError`."""
    _verify(public_key, signed.signature, _MANIFEST_PREFIX + signed.manifest)
    return msgspec.json.decode(signed.manifest, type=Manifest)


def sign_time(key: Ed25519PrivateKey, certificate: SignedCertificate, nonce: bytes, now_ms: int) -> SignedTime:
    """The control plane's time, signed together with the region's nonce."""
    return SignedTime(now_ms, key.sign(_time_message(certificate, nonce, now_ms)), certificate)


def open_time(root_key: bytes, signed: SignedTime, nonce: bytes) -> tuple[int, PublisherCertificate]:
    """The verified time in Unix milliseconds, and the signing key's certificate. Raises `BadSignatureError`."""
    certificate = open_certificate(root_key, signed.certificate)
    _verify(certificate.public_key, signed.signature, _time_message(signed.certificate, nonce, signed.now_ms))
    return signed.now_ms, certificate


def request_headers(
    key: Ed25519PrivateKey, *, region: str, replica: str, method: str, target: str, timestamp_ms: int, body: bytes
) -> dict[str, str]:
    """The headers that sign a region's call to the control plane. `target` is the path with its query."""
    message = _request_message(region, replica, method, target, timestamp_ms, body)
    return {
        REGION_HEADER: region,
        REPLICA_HEADER: replica,
        TIMESTAMP_HEADER: str(timestamp_ms),
        SIGNATURE_HEADER: base64.b64encode(key.sign(message)).decode(),
    }


def verify_request(
    public_key: bytes,
    *,
    region: str,
    replica: str,
    method: str,
    target: str,
    timestamp_ms: int,
    signature: str,
    body: bytes,
    now_ms: int,
) -> None:
    """Raises `BadSignatureError` unless the region signed the call, at a time within 300 s of `now_ms`."""
    if region in RESERVED_REGION_CODES or abs(now_ms - timestamp_ms) > CLOCK_TOLERANCE_MS:
        raise BadSignatureError
    try:
        raw = base64.b64decode(signature, validate=True)
    except ValueError as error:
        raise BadSignatureError from error
    _verify(public_key, raw, _request_message(region, replica, method, target, timestamp_ms, body))


def _time_message(certificate: SignedCertificate, nonce: bytes, now_ms: int) -> bytes:
    installation_id = certificate.certificate.installation_id
    return _TIME_PREFIX + "\n".join((installation_id, nonce.hex(), str(now_ms))).encode()


def _certificate_message(certificate: PublisherCertificate) -> bytes:
    fields = (
        certificate.installation_id,
        certificate.key_id,
        certificate.public_key.hex(),
        str(certificate.not_before_ms),
        str(certificate.serial),
    )
    return _CERTIFICATE_PREFIX + "\n".join(fields).encode()


def _succession_message(succession: RootSuccession) -> bytes:
    fields = (
        succession.installation_id,
        succession.before,
        succession.public_key.hex(),
        str(succession.serial),
    )
    return "\n".join(fields).encode()


def _request_message(region: str, replica: str, method: str, target: str, timestamp_ms: int, body: bytes) -> bytes:
    digest = hashlib.sha256(body).hexdigest()
    return _REQUEST_PREFIX + "\n".join((region, replica, method, target, str(timestamp_ms), digest)).encode()


def _verify(public_key: bytes, signature: bytes, message: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise BadSignatureError from error
