"""The root key and the key it certifies: made once, rotated by whoever has the root key, and by nobody else."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domicile.boundary import signing
from domicile.control_plane.publisher_keys import PublisherKeys, rotate
from domicile.control_plane.secret_files import SecretFileError

INSTALLATION = "inst_" + "0" * 24
NOW_MS = 1_800_000_000_000


def opened(folder: Path, installation: str = INSTALLATION) -> PublisherKeys:
    return PublisherKeys(folder, installation, NOW_MS)


def test_the_first_start_makes_them_for_this_user_alone(tmp_path: Path) -> None:
    signer = opened(tmp_path).current()
    assert {file.name for file in tmp_path.iterdir()} == {"root.key", "publisher.key", "publisher.certificate"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}
    root = Ed25519PrivateKey.from_private_bytes((tmp_path / "root.key").read_bytes())
    assert signing.public_key_bytes(root) == signer.root_key
    certificate = signing.open_certificate(signer.root_key, signer.certificate)
    assert certificate.public_key == signing.public_key_bytes(signer.key) != signer.root_key
    assert (certificate.installation_id, certificate.not_before_ms) == (INSTALLATION, NOW_MS)
    assert opened(tmp_path).current().certificate == signer.certificate


def test_a_publisher_key_from_before_there_were_root_keys_is_certified(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    (tmp_path / "publisher.key").write_bytes(key.private_bytes_raw())
    assert opened(tmp_path).current().key_id == signing.public_key_id(signing.public_key_bytes(key))


def test_the_control_plane_runs_without_the_root_key_and_takes_over_the_next_one(tmp_path: Path) -> None:
    keys = opened(tmp_path)
    before = keys.current()
    away = tmp_path / "away"
    (tmp_path / "root.key").rename(away)
    assert opened(tmp_path).current().certificate == before.certificate
    assert not (tmp_path / "root.key").exists(), "and makes no other"
    # The clock stands still: the serial grows all the same.
    made = rotate(tmp_path, away, INSTALLATION, NOW_MS)
    after = keys.current()
    assert after.certificate.certificate == made
    assert made.serial == before.serial + 1
    assert (after.root_key, after.key_id == before.key_id) == (before.root_key, False)


def test_a_serial_is_higher_than_that_of_a_certificate_that_was_lost(tmp_path: Path) -> None:
    backup = {
        file.name: file.read_bytes() for file in (opened(tmp_path), *tmp_path.iterdir()) if isinstance(file, Path)
    }
    lost = rotate(tmp_path, tmp_path / "root.key", INSTALLATION, NOW_MS + 60_000)
    for name, content in backup.items():
        (tmp_path / name).write_bytes(content)
    assert rotate(tmp_path, tmp_path / "root.key", INSTALLATION, NOW_MS + 120_000).serial > lost.serial


def test_only_the_root_key_rotates(tmp_path: Path) -> None:
    before = opened(tmp_path).current()
    other, damaged = tmp_path / "other", tmp_path / "damaged"
    other.write_bytes(Ed25519PrivateKey.generate().private_bytes_raw())
    damaged.write_bytes(b"short")
    for file, reason in ((other, "is not the root key"), (damaged, "32 bytes"), (tmp_path / "absent", "32 bytes")):
        with pytest.raises(SecretFileError, match=reason):
            rotate(tmp_path, file, INSTALLATION, NOW_MS)
    assert opened(tmp_path).current().certificate == before.certificate


def test_between_the_two_files_of_a_rotation_the_last_good_one_signs(tmp_path: Path) -> None:
    keys = opened(tmp_path)
    before = keys.current()
    (tmp_path / "publisher.key").write_bytes(Ed25519PrivateKey.generate().private_bytes_raw())
    assert keys.current().key_id == before.key_id
    with pytest.raises(SecretFileError, match="rotate-key"):
        opened(tmp_path)
    rotate(tmp_path, tmp_path / "root.key", INSTALLATION, NOW_MS)
    assert keys.current().serial > before.serial


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 9999])
def test_a_damaged_certificate_is_named_and_never_replaced(tmp_path: Path, content: bytes) -> None:
    opened(tmp_path)
    file = tmp_path / "publisher.certificate"
    file.write_bytes(content)
    with pytest.raises(SecretFileError, match="does not hold a certificate"):
        opened(tmp_path)
    assert file.read_bytes() == content


def test_a_certificate_of_another_installation_is_refused(tmp_path: Path) -> None:
    opened(tmp_path)
    with pytest.raises(SecretFileError, match="does not certify"):
        opened(tmp_path, "inst_" + "1" * 24)
