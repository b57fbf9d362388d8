"""When a snapshot is accepted, and only then (design 2)."""

import json

import msgspec
import pytest

from domicile.boundary.snapshot import Manifest, Shard, SignedManifest, digest, encode_shard
from domicile.data_plane.snapshot.verification import SnapshotRefusedError, verify_manifest, verify_shard
from tests.unit.data_plane.region_parts import Publisher, new_key, shards_for

SHARDS = shards_for(new_key())
PUBLISHER = Publisher()
OTHER = Publisher()


def accept(signed: SignedManifest, held: tuple[int, int] = (0, 0)) -> Manifest:
    return verify_manifest(signed, region="eu", enrollment=PUBLISHER.enrollment, held=held)


def refusal(signed: SignedManifest, held: tuple[int, int] = (0, 0)) -> str:
    with pytest.raises(SnapshotRefusedError) as caught:
        accept(signed, held)
    return str(caught.value)


def signed_by_publisher(data: bytes) -> SignedManifest:
    return SignedManifest(data, PUBLISHER.key.sign(b"domicile snapshot manifest 1\n" + data))


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
            assert refusal(SignedManifest(bytes(damaged), signed.signature)) == "bad signature"
        for index in range(len(signed.signature)):
            damaged = bytearray(signed.signature)
            damaged[index] ^= 1
            assert refusal(SignedManifest(signed.manifest, bytes(damaged))) == "bad signature"

    def test_a_truncated_or_prolonged_one_is_refused(self) -> None:
        signed = PUBLISHER.publish(SHARDS)
        for data in (b"", signed.manifest[:-1], signed.manifest + b" "):
            assert refusal(SignedManifest(data, signed.signature)) == "bad signature"
        assert refusal(SignedManifest(signed.manifest, signed.signature[:-1])) == "bad signature"
        assert refusal(SignedManifest(signed.manifest, b"")) == "bad signature"

    def test_another_control_planes_is_refused(self) -> None:
        assert refusal(OTHER.publish(SHARDS)) == "bad signature"

    def test_a_signature_for_another_use_is_none(self) -> None:
        data = PUBLISHER.publish(SHARDS).manifest
        for prefix in (b"", b"domicile region request 1\n"):
            assert refusal(SignedManifest(data, PUBLISHER.key.sign(prefix + data))) == "bad signature"

    def test_another_installations_is_refused_though_the_key_is_right(self) -> None:
        assert refusal(PUBLISHER.publish(SHARDS, installation_id="inst_" + "X" * 24)) == "another installation's"
        assert refusal(PUBLISHER.publish(SHARDS, key_id="pk_" + "0" * 16)) == "another installation's"

    def test_another_regions_is_refused(self) -> None:
        assert refusal(PUBLISHER.publish(SHARDS, region="us")) == "another region's"

    @pytest.mark.parametrize("schema", [0, 2, 99])
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


class TestShard:
    SHARD = SHARDS[0]
    BODY = encode_shard(SHARD)

    def verify(self, body: bytes, *, sha256: str | None = None, index: int | None = None, region: str = "eu") -> Shard:
        return verify_shard(
            body,
            sha256=digest(body) if sha256 is None else sha256,
            index=self.SHARD.index if index is None else index,
            region=region,
        )

    def test_one_that_is_right_is_accepted(self) -> None:
        assert self.verify(self.BODY) == self.SHARD

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
