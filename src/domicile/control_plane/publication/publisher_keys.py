"""The key that signs snapshots, and the root key that certifies it (`boundary.publisher_key`).

The first start makes the root key, as `root.key`. Afterwards only `domicile control rotate-key` and `rotate-root` need it: it
can be stored elsewhere, and the control plane runs without it. Regions trust its public half. `publisher.certificate` holds
that half, and the successions that lead to it from every earlier root key.
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domicile.boundary import signing
from domicile.boundary.publisher_key import (
    PublicKey,
    PublisherCertificate,
    RootSuccession,
    SignedCertificate,
    SignedSuccession,
)
from domicile.control_plane.secret_files import SecretFileError, write_secret

log = structlog.get_logger("publisher")

_ROOT, _PUBLISHER, _CERTIFICATE = "root.key", "publisher.key", "publisher.certificate"
_AGAIN = "run 'domicile control rotate-key' with the root key"


class _CertificateFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    root_key: PublicKey
    signed: SignedCertificate
    successions: tuple[SignedSuccession, ...] = ()


@dataclass(frozen=True, slots=True)
class Signer:
    """A publisher key, its certificate, and the root key that certified it."""

    key: Ed25519PrivateKey
    certificate: SignedCertificate
    root_key: bytes
    """The public half."""
    successions: tuple[SignedSuccession, ...] = ()
    """From the first root key to the current one, oldest first."""

    @property
    def key_id(self) -> str:
        """The id of the publisher key."""
        return self.certificate.certificate.key_id

    @property
    def serial(self) -> int:
        """The serial of the certificate."""
        return self.certificate.certificate.serial

    @property
    def root_key_ids(self) -> tuple[str, ...]:
        """The ids of all root keys, oldest first. The last one is the current one."""
        before = (signed.succession.before for signed in self.successions)
        return (*before, signing.public_key_id(self.root_key))


class PublisherKeys:
    """Reads the signer from a folder, so that a running control plane takes over a rotated key."""

    def __init__(self, folder: Path, installation_id: str, now_ms: int) -> None:
        """Makes the keys at the first start. Raises `SecretFileError` when the files do not belong together."""
        self._folder = folder
        self._installation_id = installation_id
        if not (folder / _CERTIFICATE).exists():
            _make_first(folder, installation_id, now_ms)
        self._last = _read(folder, installation_id)

    def current(self) -> Signer:
        """The signer, read from its files on each call.

        The last good one while a rotation has written one of its two files only, and when a file is damaged.
        """
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
    """Makes a new publisher key, certified by the root key in the file. Raises `SecretFileError` for another key.

    A region that has seen the new certificate refuses the old key.
    """
    root = _private_key(root_key_file, "a root key")
    before = _read_certificate(folder)
    if signing.public_key_bytes(root) != before.root_key:
        raise SecretFileError(f"{root_key_file} is not the root key that this installation's regions trust")
    return _certify(folder, root, Ed25519PrivateKey.generate(), installation_id, now_ms, before)


def rotate_root(
    folder: Path, root_key_file: Path, new_root_key_file: Path, installation_id: str, now_ms: int
) -> RootSuccession:
    """Replaces the root key. The new one certifies the same publisher key; it is made unless its file exists.

    The old root key signs the succession, and is never needed again. Raises `SecretFileError` when a file holds another key.
    """
    old, before = _private_key(root_key_file, "a root key"), _read(folder, installation_id)
    if signing.public_key_bytes(old) != before.root_key:
        raise SecretFileError(f"{root_key_file} is not the root key {before.root_key_ids[-1]} of this installation")
    if not new_root_key_file.exists():
        write_secret(new_root_key_file, Ed25519PrivateKey.generate().private_bytes_raw())
    new = _private_key(new_root_key_file, "a root key")
    public = signing.public_key_bytes(new)
    if signing.public_key_id(public) in before.root_key_ids:
        raise SecretFileError(f"{new_root_key_file} holds a root key that this installation has had already")
    serial = _next_serial(now_ms, before.serial)
    succession = RootSuccession(installation_id, before.root_key_ids[-1], public, serial)
    successions = (*before.successions, signing.sign_succession(old, new, succession))
    # The certificate keeps its start time, so everything published since then stays valid.
    certificate = msgspec.structs.replace(before.certificate.certificate, serial=serial + 1)
    file = _CertificateFile(public, signing.sign_certificate(new, certificate), successions)
    write_secret(folder / _CERTIFICATE, msgspec.json.encode(file))
    return succession


def _make_first(folder: Path, installation_id: str, now_ms: int) -> None:
    """Makes the root key, and certifies a publisher key: an existing one, left by a version without root keys, or a new one."""
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
    serial = _next_serial(now_ms, 0 if before is None else before.signed.certificate.serial)
    certificate = PublisherCertificate(installation_id, signing.public_key_id(public), public, now_ms, serial)
    successions = () if before is None else before.successions
    file = _CertificateFile(signing.public_key_bytes(root), signing.sign_certificate(root, certificate), successions)
    write_secret(folder / _PUBLISHER, key.private_bytes_raw())
    write_secret(folder / _CERTIFICATE, msgspec.json.encode(file))
    return certificate


def _next_serial(now_ms: int, last: int) -> int:
    """Unix seconds, or one more than `last`. The clock lets it grow even after an older certificate was restored."""
    return max(now_ms // 1000, last + 1)


def _read(folder: Path, installation_id: str) -> Signer:
    file = _read_certificate(folder)
    key = _private_key(folder / _PUBLISHER, "a publisher key")
    certificate = file.signed.certificate
    if certificate.public_key != signing.public_key_bytes(key) or certificate.installation_id != installation_id:
        raise SecretFileError(f"{folder / _CERTIFICATE} does not certify {folder / _PUBLISHER}: {_AGAIN}")
    return Signer(key, file.signed, file.root_key, file.successions)


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
