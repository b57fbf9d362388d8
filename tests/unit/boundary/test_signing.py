"""Signatures: what was signed verifies, and every single change of it is refused."""

from dataclasses import dataclass, replace

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from domicile.boundary import signing
from domicile.boundary.signing import BadSignatureError
from domicile.boundary.snapshot import SNAPSHOT_SCHEMA, DirectoryEntry, Manifest, ShardReference, SignedManifest

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
PUBLIC = signing.public_key_bytes(KEY)
NOW = 1_700_000_000_000
MANIFEST = Manifest(
    schema=SNAPSHOT_SCHEMA,
    installation_id="inst_" + "a" * 24,
    region="eu",
    epoch=1,
    number=7,
    issued_at_ms=NOW,
    key_id=signing.public_key_id(PUBLIC),
    catalogue_version="0" * 16,
    directory=(DirectoryEntry("eu", "eu.example.com"), DirectoryEntry("us", "us.example.com:8443")),
    shards=(ShardReference(3, "f" * 64),),
)


@dataclass(frozen=True)
class Call:
    """A signed call as the control plane receives it."""

    region: str = "eu"
    replica: str = "rep_" + "a" * 24
    method: str = "POST"
    target: str = "/boundary/v1/usage?part=1"
    timestamp_ms: int = NOW
    body: bytes = b"body"
    signature: str = ""

    def verify(self, *, public_key: bytes = PUBLIC, now_ms: int = NOW) -> None:
        signing.verify_request(
            public_key,
            region=self.region,
            replica=self.replica,
            method=self.method,
            target=self.target,
            timestamp_ms=self.timestamp_ms,
            signature=self.signature,
            body=self.body,
            now_ms=now_ms,
        )


def signed(call: Call, key: Ed25519PrivateKey = KEY) -> Call:
    headers = signing.request_headers(
        key,
        region=call.region,
        replica=call.replica,
        method=call.method,
        target=call.target,
        timestamp_ms=call.timestamp_ms,
        body=call.body,
    )
    assert headers[signing.REGION_HEADER] == call.region
    assert headers[signing.REPLICA_HEADER] == call.replica
    assert headers[signing.TIMESTAMP_HEADER] == str(call.timestamp_ms)
    return replace(call, signature=headers[signing.SIGNATURE_HEADER])


def test_a_signed_call_verifies() -> None:
    signed(Call()).verify()
    signed(Call(body=b"", method="GET")).verify()


@pytest.mark.parametrize(
    "change",
    [
        {"region": "us"},
        {"replica": "rep_" + "b" * 24},
        {"method": "GET"},
        {"target": "/boundary/v1/usage?part=2"},
        {"target": "/boundary/v1/usage"},
        {"timestamp_ms": NOW + 1},
        {"body": b"Body"},
        {"body": b""},
        {"signature": ""},
        {"signature": "not base64!"},
        {"signature": "AAAA"},
        # Moving a line's end from one part to the next must not give the same message.
        {"region": "eu\nrep_" + "a" * 24, "replica": "POST", "method": "/boundary/v1/usage?part=1"},
    ],
)
def test_a_changed_call_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(BadSignatureError):
        replace(signed(Call()), **change).verify()  # type: ignore[arg-type]


@pytest.mark.contract("C07")
def test_another_region_s_identity_cannot_sign_for_this_one() -> None:
    with pytest.raises(BadSignatureError):
        signed(Call(), OTHER).verify()


@pytest.mark.parametrize(
    ("late_ms", "fine"), [(0, True), (300_000, True), (-300_000, True), (300_001, False), (-300_001, False)]
)
def test_a_call_is_good_for_five_minutes(late_ms: int, fine: bool) -> None:
    call = signed(Call())
    if fine:
        call.verify(now_ms=NOW + late_ms)
        return
    with pytest.raises(BadSignatureError):
        call.verify(now_ms=NOW + late_ms)


@pytest.mark.parametrize("public_key", [b"", b"short", bytes(31), bytes(33)])
def test_a_key_that_is_none_verifies_nothing(public_key: bytes) -> None:
    with pytest.raises(BadSignatureError):
        signed(Call()).verify(public_key=public_key)


def test_a_reserved_word_never_signs() -> None:
    with pytest.raises(BadSignatureError):
        signed(Call(region="admin")).verify()


def test_a_manifest_opens_as_it_was_signed() -> None:
    assert signing.open_manifest(PUBLIC, signing.sign_manifest(KEY, MANIFEST)) == MANIFEST


@given(st.data())
def test_a_changed_manifest_is_refused_before_it_is_read(data: st.DataObject) -> None:
    whole = signing.sign_manifest(KEY, MANIFEST)
    part = data.draw(st.sampled_from(["manifest", "signature"]))
    value: bytes = getattr(whole, part)
    position = data.draw(st.integers(0, len(value) - 1))
    bit = 1 << data.draw(st.integers(0, 7))
    changed = value[:position] + bytes([value[position] ^ bit]) + value[position + 1 :]
    damaged = SignedManifest(
        changed if part == "manifest" else whole.manifest, changed if part == "signature" else whole.signature
    )
    with pytest.raises(BadSignatureError):
        signing.open_manifest(PUBLIC, damaged)


def test_another_publisher_s_manifest_is_refused() -> None:
    with pytest.raises(BadSignatureError):
        signing.open_manifest(PUBLIC, signing.sign_manifest(OTHER, MANIFEST))


def test_a_request_s_signature_never_stands_for_a_manifest_s() -> None:
    """Else a region could be made to sign what passes as a snapshot: each use has its own prefix."""
    data = msgspec.json.encode(MANIFEST)
    for prefix in (b"", b"domicile region request 1\n"):
        with pytest.raises(BadSignatureError):
            signing.open_manifest(PUBLIC, SignedManifest(data, KEY.sign(prefix + data)))


def test_an_error_says_nothing() -> None:
    with pytest.raises(BadSignatureError) as caught:
        replace(signed(Call()), body=b"changed").verify()
    assert str(caught.value) == ""


def test_a_key_has_a_short_name() -> None:
    assert signing.public_key_id(PUBLIC) != signing.public_key_id(signing.public_key_bytes(OTHER))
    assert signing.public_key_id(PUBLIC).startswith("pk_")
    assert len(signing.public_key_id(PUBLIC)) == 19
