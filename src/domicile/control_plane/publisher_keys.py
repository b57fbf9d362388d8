"""The key that signs snapshots, and the root key that says so (`boundary.publisher_key`).

The root key is made at the first start, as `root.key`. After that only `domicile control rotate-key` needs it: move it to a
place of its own, and the control plane runs without it. What regions trust is its public half, in `publisher.certificate`.
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domicile.boundary import signing
from domicile.boundary.publisher_key import PublicKey, PublisherCertificate, SignedCertificate
from domicile.control_plane.secret_files import SecretFileError, write_secret

log = structlog.get_logger("publisher")

_ROOT, _PUBLISHER, _CERTIFICATE = "root.key", "publisher.key", "publisher.certificate"
_AGAIN = "run 'domicile control rotate-key' with the root key"


class _CertificateFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    root_key: PublicKey
    signed: SignedCertificate


@dataclass(frozen=True, slots=True)
class Signer:
    """A key, and by whose authority it signs."""

    key: Ed25519PrivateKey
    certificate: SignedCertificate
    root_key: bytes
    """The public half."""

    @property
    def key_id(self) -> str:
        """The short name of the key."""
        return self.certificate.certificate.key_id

    @property
    def serial(self) -> int:
        """The certificate's."""
        return self.certificate.certificate.serial


class PublisherKeys:
    """The signer as the folder has it now: a key that is replaced is taken over by a control plane that runs."""

    def __init__(self, folder: Path, installation_id: str, now_ms: int) -> None:
        """Makes the keys at the first start. Raises `SecretFileError` when what is there does not fit together."""
        self._folder = folder
        self._installation_id = installation_id
        if not (folder / _CERTIFICATE).exists():
            _make_first(folder, installation_id, now_ms)
        self._last = _read(folder, installation_id)

    def current(self) -> Signer:
        """Read anew each time. Between the two files of a rotation, and when they are damaged, the last good one."""
        try:
            signer = _read(self._folder, self._installation_id)
        except SecretFileError as error:
            log.error("publisher_key_not_read", reason=str(error))
            return self._last
        if signer.serial != self._last.serial:
            log.info("publisher_key_replaced", key_id=signer.key_id, serial=signer.serial)
        self._last = signer
        return signer


def rotate(folder: Path, root_key_file: Path, installation_id: str, now_ms: int) -> PublisherCertificate:
    """A new publisher key, certified by the root key in the file. No region takes the old one once it has seen the new."""
    root = _private_key(root_key_file, "a root key")
    before = _read_certificate(folder)
    if signing.public_key_bytes(root) != before.root_key:
        raise SecretFileError(f"{root_key_file} is not the root key that this installation's regions trust")
    return _certify(folder, root, Ed25519PrivateKey.generate(), installation_id, now_ms, before)


def _make_first(folder: Path, installation_id: str, now_ms: int) -> None:
    """The publisher's key may be there already, from before there were root keys: then that one is certified."""
    publisher = folder / _PUBLISHER
    if not (folder / _ROOT).exists():
        write_secret(folder / _ROOT, Ed25519PrivateKey.generate().private_bytes_raw())
    root = _private_key(folder / _ROOT, "a root key")
    key = _private_key(publisher, "a publisher key") if publisher.exists() else Ed25519PrivateKey.generate()
    _certify(folder, root, key, installation_id, now_ms, None)


def _certify(
    folder: Path,
    root: Ed25519PrivateKey,
    key: Ed25519PrivateKey,
    installation_id: str,
    now_ms: int,
    before: _CertificateFile | None,
) -> PublisherCertificate:
    public = signing.public_key_bytes(key)
    # By the clock, so that it grows even when the certificate before was lost with a disk and an older one restored.
    serial = max(now_ms // 1000, 1, 0 if before is None else before.signed.certificate.serial + 1)
    certificate = PublisherCertificate(installation_id, signing.public_key_id(public), public, now_ms, serial)
    file = _CertificateFile(signing.public_key_bytes(root), signing.sign_certificate(root, certificate))
    write_secret(folder / _PUBLISHER, key.private_bytes_raw())
    write_secret(folder / _CERTIFICATE, msgspec.json.encode(file))
    return certificate


def _read(folder: Path, installation_id: str) -> Signer:
    file = _read_certificate(folder)
    key = _private_key(folder / _PUBLISHER, "a publisher key")
    certificate = file.signed.certificate
    if certificate.public_key != signing.public_key_bytes(key) or certificate.installation_id != installation_id:
        raise SecretFileError(f"{folder / _CERTIFICATE} does not certify {folder / _PUBLISHER}: {_AGAIN}")
    return Signer(key, file.signed, file.root_key)


def _read_certificate(folder: Path) -> _CertificateFile:
    name = folder / _CERTIFICATE
    try:
        file = msgspec.json.decode(name.read_bytes(), type=_CertificateFile)
        signing.open_certificate(file.root_key, file.signed)
    except (OSError, ValueError) as error:
        raise SecretFileError(f"{name} does not hold a certificate: restore it, or {_AGAIN}") from error
    return file


def _private_key(file: Path, what: str) -> Ed25519PrivateKey:
    try:
        return Ed25519PrivateKey.from_private_bytes(file.read_bytes())
    except (OSError, ValueError) as error:
        raise SecretFileError(f"{file} does not hold {what} (32 bytes)") from error
