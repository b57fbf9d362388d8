"""The key that signs snapshots, and the root key that says so (`boundary.publisher_key`).

The root key is made at the first start, as `root.key`. After that only `domicile control rotate-key` and `rotate-root` need it:
move it to a place of its own, and the control plane runs without it. What regions trust is its public half, in
`publisher.certificate`, with the successions that lead from every root key before to it.
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
    """A key, and by whose authority it signs."""

    key: Ed25519PrivateKey
    certificate: SignedCertificate
    root_key: bytes
    """The public half."""
    successions: tuple[SignedSuccession, ...] = ()
    """From every root key that there was to the one that there is, the oldest first."""

    @property
    def key_id(self) -> str:
        """The short name of the key."""
        return self.certificate.certificate.key_id

    @property
    def serial(self) -> int:
        """The certificate's."""
        return self.certificate.certificate.serial

    @property
    def root_key_ids(self) -> tuple[str, ...]:
        """Of every root key that there was, the oldest first; the last one certifies now."""
        before = (signed.succession.before for signed in self.successions)
        return (*before, signing.public_key_id(self.root_key))


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


def rotate_root(
    folder: Path, root_key_file: Path, new_root_key_file: Path, installation_id: str, now_ms: int
) -> RootSuccession:
    """Another root key, made in its file unless one is there, certifies the same publisher's key from now on.

    The old one is needed for this signature, and never again.
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
    # All else stays as it was certified, the time too: what has been published since then is as good as before.
    certificate = msgspec.structs.replace(before.certificate.certificate, serial=serial + 1)
    file = _CertificateFile(public, signing.sign_certificate(new, certificate), successions)
    write_secret(folder / _CERTIFICATE, msgspec.json.encode(file))
    return succession


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
    serial = _next_serial(now_ms, 0 if before is None else before.signed.certificate.serial)
    certificate = PublisherCertificate(installation_id, signing.public_key_id(public), public, now_ms, serial)
    successions = () if before is None else before.successions
    file = _CertificateFile(signing.public_key_bytes(root), signing.sign_certificate(root, certificate), successions)
    write_secret(folder / _PUBLISHER, key.private_bytes_raw())
    write_secret(folder / _CERTIFICATE, msgspec.json.encode(file))
    return certificate


def _next_serial(now_ms: int, last: int) -> int:
    """By the clock, so that it grows even when the certificate before was lost with a disk and an older one restored."""
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
