"""When a snapshot is accepted, and only then (design 2)."""

import json

import msgspec
import pytest
from msgspec.structs import replace

from domicile.boundary.signing import public_key_bytes
from domicile.boundary.snapshot import Manifest, Shard, SignedManifest, digest, encode_shard
from domicile.boundary.snapshot_v2 import encode_shard_of_schema_2
from domicile.data_plane.identity import Enrollment
from domicile.data_plane.snapshot.verification import Position, SnapshotRefusedError, verify_manifest, verify_shard
from tests.unit.data_plane.region_parts import INSTALLATION, NOW_MS, Publisher, new_key, shards_for

SHARDS = shards_for(new_key())
PUBLISHER = Publisher()
OTHER = Publisher()


def accept(signed: SignedManifest, held: tuple[int, int] = (0, 0), *, by: Enrollment | None = None) -> Manifest:
    enrollment = by or PUBLISHER.enrollment
    manifest, position = verify_manifest(
        signed, region="eu", enrollment=enrollment, held=Position(enrollment.serial, *held)
    )
    assert (position.epoch, position.number) == (manifest.epoch, manifest.number)
    return manifest


def refusal(signed: SignedManifest, held: tuple[int, int] = (0, 0), *, by: Enrollment | None = None) -> str:
    with pytest.raises(SnapshotRefusedError) as caught:
        accept(signed, held, by=by)
    return str(caught.value)


def signed_by_publisher(data: bytes) -> SignedManifest:
    return certified(data, PUBLISHER.key.sign(b"domicile snapshot manifest 1\n" + data))


def certified(data: bytes, signature: bytes) -> SignedManifest:
    return SignedManifest(data, signature, PUBLISHER.certificate())


class TestManifest:
    def test_one_that_is_right_is_accepted(self) -> None:
        assert accept(PUBLISHER.publish(SHARDS)) == PUBLISHER.manifest(SHARDS)

    def test_the_tests_own_signature_is_the_publishers(self) -> None:
        """Else what is refused below might be refused for its signature alone."""
        assert accept(signed_by_publisher(PUBLISHER.publish(SHARDS).manifest)) == PUBLISHER.manifest(SHARDS)

    @pytest.mark.parametrize("held", [(1, 0), (0, 99)])
    def test_a_newer_one_is_accepted(self, held: tuple[int, int]) -> None:
        assert accept(PUBLISHER.publish(SHARDS), held).number == 1

    @pytest.mark.parametrize("held", [(1, 1), (1, 2), (2, 0)])
    def test_an_older_or_equal_one_is_refused(self, held: tuple[int, int]) -> None:
        assert refusal(PUBLISHER.publish(SHARDS), held) == "not newer"

    def test_every_single_flipped_byte_is_refused(self) -> None:
        signed = PUBLISHER.publish(SHARDS)
        for index in range(len(signed.manifest)):
            damaged = bytearray(signed.manifest)
            damaged[index] ^= 1
            assert refusal(certified(bytes(damaged), signed.signature)) == "bad signature"
        for index in range(len(signed.signature)):
            damaged = bytearray(signed.signature)
            damaged[index] ^= 1
            assert refusal(certified(signed.manifest, bytes(damaged))) == "bad signature"

    def test_a_truncated_or_prolonged_one_is_refused(self) -> None:
        signed = PUBLISHER.publish(SHARDS)
        for data in (b"", signed.manifest[:-1], signed.manifest + b" "):
            assert refusal(certified(data, signed.signature)) == "bad signature"
        assert refusal(certified(signed.manifest, signed.signature[:-1])) == "bad signature"
        assert refusal(certified(signed.manifest, b"")) == "bad signature"

    def test_another_control_planes_is_refused(self) -> None:
        assert refusal(OTHER.publish(SHARDS)) == "a certificate that is not the root key's"
        stolen = replace(OTHER.publish(SHARDS), certificate=PUBLISHER.certificate())
        assert refusal(stolen) == "bad signature"

    def test_a_signature_for_another_use_is_none(self) -> None:
        data = PUBLISHER.publish(SHARDS).manifest
        for prefix in (b"", b"domicile region request 1\n"):
            assert refusal(certified(data, PUBLISHER.key.sign(prefix + data))) == "bad signature"

    def test_another_installations_is_refused_though_the_key_is_right(self) -> None:
        assert refusal(PUBLISHER.publish(SHARDS, installation_id="inst_" + "X" * 24)) == "another installation's"
        assert refusal(PUBLISHER.publish(SHARDS, key_id="pk_" + "0" * 16)) == "another installation's"

    def test_another_regions_is_refused(self) -> None:
        assert refusal(PUBLISHER.publish(SHARDS, region="us")) == "another region's"

    @pytest.mark.parametrize("schema", [0, 1, 4, 99])
    def test_an_unknown_schema_is_refused(self, schema: int) -> None:
        assert refusal(PUBLISHER.publish(SHARDS, schema=schema)) == "unknown schema"

    def test_members_that_are_unknown_missing_or_of_another_type_are_refused(self) -> None:
        plain = json.loads(PUBLISHER.publish(SHARDS).manifest)
        changed = [
            {**plain, "note": "x"},
            {name: value for name, value in plain.items() if name != "epoch"},
            {**plain, "number": -1},
            {**plain, "number": "1"},
            {**plain, "directory": [{"region": "us", "host": "us.example.com/path"}]},
            {**plain, "shards": [{"index": 64, "sha256": "0" * 64}]},
            [],
        ]
        for value in changed:
            assert refusal(signed_by_publisher(json.dumps(value).encode())) == "unknown format"

    @pytest.mark.parametrize(
        "data", [b"", b"{", b'{"schema":1', b"\xff", b'{"region":"\xff"}', b"[" * 100_000, b'{"x":' * 100_000]
    )
    def test_what_is_no_json_is_refused_though_signed(self, data: bytes) -> None:
        assert refusal(signed_by_publisher(data)) == "unknown format"

    def test_a_schema_to_come_is_unknown_whatever_it_looks_like(self) -> None:
        plain = json.loads(PUBLISHER.publish(SHARDS).manifest)
        assert refusal(signed_by_publisher(json.dumps({**plain, "schema": 4, "news": []}).encode())) == "unknown schema"


class TestCertificate:
    NEXT = PUBLISHER.rotated()

    def test_a_key_that_the_root_key_certified_signs(self) -> None:
        assert accept(self.NEXT.publish(SHARDS)) == self.NEXT.manifest(SHARDS)

    def test_a_replaced_key_is_refused_once_the_next_was_seen(self) -> None:
        stolen = PUBLISHER.publish(SHARDS, epoch=9)
        assert accept(stolen).epoch == 9
        assert refusal(stolen, by=self.NEXT.enrollment) == "a key that has been replaced"

    def test_a_higher_serial_is_newer_than_every_number_of_the_one_before(self) -> None:
        held = Position(PUBLISHER.serial, 2**40, 2**40)
        signed = self.NEXT.publish(SHARDS)
        _, position = verify_manifest(signed, region="eu", enrollment=PUBLISHER.enrollment, held=held)
        assert position == Position(self.NEXT.serial, 1, 1)

    def test_without_a_certificate_nothing_is_taken(self) -> None:
        assert refusal(replace(PUBLISHER.publish(SHARDS), certificate=None)) == "no certificate"

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"serial": 7}, "a certificate that is not the root key's"),
            ({"public_key": public_key_bytes(OTHER.key)}, "a certificate that is not the root key's"),
            ({"not_before_ms": 0}, "a certificate that is not the root key's"),
            ({"installation_id": "inst_" + "X" * 24}, "a certificate that is not the root key's"),
        ],
    )
    def test_a_changed_certificate_is_none(self, change: dict[str, object], reason: str) -> None:
        signed = PUBLISHER.certificate()
        changed = replace(signed, certificate=replace(signed.certificate, **change))
        assert refusal(replace(PUBLISHER.publish(SHARDS), certificate=changed)) == reason

    def test_another_installations_is_refused_though_the_root_key_is_right(self) -> None:
        foreign = PUBLISHER.certificate(installation_id="inst_" + "X" * 24)
        assert refusal(replace(PUBLISHER.publish(SHARDS), certificate=foreign)) == "another installation's"

    def test_what_was_signed_before_its_key_was_certified_is_refused(self) -> None:
        late = PUBLISHER.certificate(not_before_ms=NOW_MS + 1)
        signed = replace(PUBLISHER.publish(SHARDS), certificate=late)
        assert refusal(signed) == "signed before its key was certified"
        assert accept(replace(signed, certificate=PUBLISHER.certificate(not_before_ms=NOW_MS))).number == 1

    def test_a_publisher_cannot_certify_itself(self) -> None:
        forged = Publisher(key=PUBLISHER.key, root=PUBLISHER.key, serial=9)
        assert refusal(forged.publish(SHARDS)) == "a certificate that is not the root key's"


class TestEnrolledBeforeThereWereRootKeys:
    PINNED = Enrollment(INSTALLATION, None, 0, public_key_bytes(PUBLISHER.key))

    def test_its_publisher_is_trusted_with_and_without_a_certificate(self) -> None:
        signed = PUBLISHER.publish(SHARDS)
        assert accept(signed, by=self.PINNED) == accept(replace(signed, certificate=None), by=self.PINNED)

    def test_no_other_is(self) -> None:
        for other in (PUBLISHER.rotated(), OTHER):
            assert refusal(other.publish(SHARDS), by=self.PINNED) == "bad signature"

    def test_without_any_key_nobody_is_trusted(self) -> None:
        assert refusal(PUBLISHER.publish(SHARDS), by=Enrollment(INSTALLATION, None)) == "bad signature"


class TestShard:
    SHARD = SHARDS[0]
    BODY = encode_shard(SHARD)

    def verify(
        self, body: bytes, *, sha256: str | None = None, index: int | None = None, region: str = "eu", schema: int = 3
    ) -> Shard:
        return verify_shard(
            body,
            sha256=digest(body) if sha256 is None else sha256,
            index=self.SHARD.index if index is None else index,
            region=region,
            schema=schema,
        )

    def test_one_that_is_right_is_accepted(self) -> None:
        assert self.verify(self.BODY) == self.SHARD

    def test_one_of_schema_2_is_read_as_such(self) -> None:
        body = encode_shard_of_schema_2(self.SHARD)
        assert body == self.BODY, "without outside services the bytes are the same, and are not fetched again"
        assert self.verify(body, schema=2) == self.SHARD

    def test_an_external_key_belongs_to_schema_3(self) -> None:
        named = replace(self.SHARD.projects[0], external_key_id="extkey_" + "K" * 24)
        shard = replace(self.SHARD, projects=(named,))
        assert self.verify(encode_shard(shard)) == shard
        with pytest.raises(SnapshotRefusedError, match="unknown format"):
            self.verify(encode_shard(shard), schema=2)

    def test_other_bytes_are_refused(self) -> None:
        for index in range(0, len(self.BODY), 7):
            damaged = bytearray(self.BODY)
            damaged[index] ^= 1
            with pytest.raises(SnapshotRefusedError, match="not those of the manifest"):
                self.verify(bytes(damaged), sha256=digest(self.BODY))
        with pytest.raises(SnapshotRefusedError, match="not those of the manifest"):
            self.verify(self.BODY[:-1], sha256=digest(self.BODY))

    def test_a_shard_in_anothers_place_is_refused(self) -> None:
        with pytest.raises(SnapshotRefusedError, match="wrong place"):
            self.verify(self.BODY, index=(self.SHARD.index + 1) % 64)

    def test_another_regions_shard_is_refused(self) -> None:
        with pytest.raises(SnapshotRefusedError, match="wrong place"):
            self.verify(self.BODY, region="us")

    @pytest.mark.parametrize(
        "change", [{"note": 1}, {"keys": None}, {"index": 64}, {"projects": [{"project_id": "p"}]}]
    )
    def test_an_unknown_format_is_refused(self, change: dict[str, object]) -> None:
        body = msgspec.json.encode({**json.loads(self.BODY), **change})
        with pytest.raises(SnapshotRefusedError, match="unknown format"):
            self.verify(body)

    @pytest.mark.parametrize("body", [b"", b'{"region":"\xff"}', b"[" * 100_000])
    def test_what_is_no_json_is_refused(self, body: bytes) -> None:
        with pytest.raises(SnapshotRefusedError, match="unknown format"):
            self.verify(body)
