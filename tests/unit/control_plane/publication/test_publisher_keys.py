"""The root key and the key it certifies: made once, rotated by whoever has the root key, and by nobody else."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from domicile.boundary import signing
from domicile.control_plane.publication.publisher_keys import PublisherKeys, rotate, rotate_root
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


class TestRootRotation:
    def test_the_old_root_names_the_new_one_which_certifies_the_same_publishers_key(self, tmp_path: Path) -> None:
        keys = opened(tmp_path)
        before, new = keys.current(), tmp_path / "new"
        made = rotate_root(tmp_path, tmp_path / "root.key", new, INSTALLATION, NOW_MS)
        after = keys.current()
        root = Ed25519PrivateKey.from_private_bytes(new.read_bytes())
        assert stat.S_IMODE(new.stat().st_mode) == 0o600
        assert after.root_key == signing.public_key_bytes(root) != before.root_key
        [signed] = after.successions
        assert signing.open_succession(before.root_key, signed) == made
        assert (made.before, made.public_key) == (signing.public_key_id(before.root_key), after.root_key)
        # The clock stands still, and the order holds all the same.
        assert before.serial < made.serial < after.serial
        certified = signing.open_certificate(after.root_key, after.certificate)
        assert certified == replace(before.certificate.certificate, serial=after.serial)

    def test_then_the_new_root_rotates_the_publishers_key_and_itself_and_the_old_one_nothing(
        self, tmp_path: Path
    ) -> None:
        keys, first, second, third = opened(tmp_path), *(tmp_path / name for name in ("root.key", "second", "third"))
        rotate_root(tmp_path, first, second, INSTALLATION, NOW_MS)
        for refused in (rotate, lambda folder, old, *rest: rotate_root(folder, old, third, *rest)):
            with pytest.raises(SecretFileError, match="is not the root key"):
                refused(tmp_path, first, INSTALLATION, NOW_MS)
        assert not third.exists()
        rotate(tmp_path, second, INSTALLATION, NOW_MS)
        rotate_root(tmp_path, second, third, INSTALLATION, NOW_MS)
        signer = keys.current()
        root = signing.public_key_bytes(Ed25519PrivateKey.from_private_bytes(first.read_bytes()))
        for signed in signer.successions:
            root = signing.open_succession(root, signed).public_key
        assert root == signer.root_key
        assert len(set(signer.root_key_ids)) == 3

    def test_a_key_that_is_there_is_used_so_that_a_second_try_makes_no_other(self, tmp_path: Path) -> None:
        opened(tmp_path)
        new = tmp_path / "new"
        new.write_bytes(b"n" * 32)
        made = rotate_root(tmp_path, tmp_path / "root.key", new, INSTALLATION, NOW_MS)
        assert made.public_key == signing.public_key_bytes(Ed25519PrivateKey.from_private_bytes(b"n" * 32))

    def test_no_root_key_comes_back_and_what_is_no_key_is_not_replaced(self, tmp_path: Path) -> None:
        keys, first, second = opened(tmp_path), tmp_path / "root.key", tmp_path / "second"
        rotate_root(tmp_path, first, second, INSTALLATION, NOW_MS)
        before = keys.current()
        damaged = tmp_path / "damaged"
        damaged.write_bytes(b"short")
        for file, reason in ((first, "has had already"), (second, "has had already"), (damaged, "32 bytes")):
            with pytest.raises(SecretFileError, match=reason):
                rotate_root(tmp_path, second, file, INSTALLATION, NOW_MS)
        assert keys.current().certificate == before.certificate
        assert damaged.read_bytes() == b"short"

    def test_after_a_restore_from_before_it_the_same_step_can_be_made_again(self, tmp_path: Path) -> None:
        keys, file, new = opened(tmp_path), tmp_path / "publisher.certificate", tmp_path / "new"
        backup = file.read_bytes()
        lost = rotate_root(tmp_path, tmp_path / "root.key", new, INSTALLATION, NOW_MS)
        file.write_bytes(backup)
        made = rotate_root(tmp_path, tmp_path / "root.key", new, INSTALLATION, NOW_MS + 60_000)
        assert (made.before, made.public_key) == (lost.before, lost.public_key)
        # Regions that have taken it already are past the lost certificate, and take this one as newer.
        assert keys.current().serial > made.serial > lost.serial + 1
