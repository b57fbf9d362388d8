"""Whatever comes to a region instead of its next snapshot is refused, reported, and changes nothing (design 2)."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace
from openai import AuthenticationError

from domicile.boundary.publisher_key import PublisherCertificate
from domicile.boundary.signing import public_key_bytes, public_key_id, sign_certificate, sign_manifest
from domicile.boundary.snapshot import Manifest, SignedManifest
from tests.platform.installation import Installation, IssuedKey
from tests.platform.processes import eventually
from tests.residency.hostile_relay import HostileRelay

Forge = Callable[["Siege"], bytes]


# Keys are rotated in the second half: what is older is refused for another reason then.
pytestmark = pytest.mark.in_order


class Siege:
    """An installation whose boundary is in hostile hands, with a key that lives and one that was revoked."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        assert isinstance(installation.relay, HostileRelay)
        self.relay: HostileRelay = installation.relay
        self.live = installation.new_key("eu")
        self.revoked = installation.new_key("eu")
        self.before_revocation = self.delivered()
        project, key_id = self.revoked.project_id, self.revoked.key_id
        installation.admin().admin.organization.projects.api_keys.delete(key_id, project_id=project)
        eventually(lambda: not self.opens(self.revoked), what="the revoked key stops")

    def delivered(self, region: str = "eu") -> bytes:
        return eventually(lambda: self.relay.snapshots[region], what="a snapshot was delivered")[-1]

    def opens(self, key: IssuedKey) -> bool:
        try:
            return bool(self.installation.client("eu", key.secret).models.list().data)
        except AuthenticationError:
            return False

    def refusals(self) -> int:
        path = "/operator/v1/audit_logs?limit=100&event_types[]=region.snapshot_refused"
        return len([event for event in self.installation.operator("GET", path)["data"] if event["region"] == "eu"])


@pytest.fixture(scope="module")
def siege(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    running = Installation(tmp_path_factory.mktemp("siege"))
    try:
        yield Siege(running.start(through_relay=HostileRelay))
    finally:
        running.stop()


def opened(body: bytes) -> SignedManifest:
    return msgspec.json.decode(body, type=SignedManifest)


def corrupt(siege: Siege) -> bytes:
    signed = opened(siege.delivered())
    return msgspec.json.encode(replace(signed, manifest=signed.manifest.replace(b'"number":', b'"number":9', 1)))


def truncated(siege: Siege) -> bytes:
    signed = opened(siege.delivered())
    return msgspec.json.encode(replace(signed, manifest=signed.manifest[:-20]))


def replayed(siege: Siege) -> bytes:
    return siege.delivered()


def older(siege: Siege) -> bytes:
    return siege.before_revocation


def another_regions(siege: Siege) -> bytes:
    return siege.delivered("us")


def another_installations(siege: Siege) -> bytes:
    """Right in everything but the root key that certifies it."""
    root, key = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    public, now_ms = public_key_bytes(key), time.time_ns() // 1_000_000
    manifest = msgspec.json.decode(opened(siege.before_revocation).manifest, type=Manifest)
    forged = replace(manifest, epoch=99, key_id=public_key_id(public), issued_at_ms=now_ms)
    certificate = PublisherCertificate(manifest.installation_id, public_key_id(public), public, 0, 2**40)
    return msgspec.json.encode(sign_manifest(key, forged, sign_certificate(root, certificate)))


def without_certificate(siege: Siege) -> bytes:
    return msgspec.json.encode(replace(opened(siege.delivered()), certificate=None))


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        (corrupt, "bad signature"),
        (truncated, "bad signature"),
        (replayed, "not newer"),
        (older, "not newer"),
        (another_regions, "another region's"),
        (another_installations, "a certificate that is not the root key's"),
        (without_certificate, "no certificate"),
    ],
)
def test_it_is_refused_reported_and_the_old_one_stays(siege: Siege, forge: Forge, reason: str) -> None:
    log = siege.installation.processes["region-eu"].log
    before, offset = siege.refusals(), log.stat().st_size
    siege.relay.deliver("eu", forge(siege))
    eventually(lambda: siege.refusals() == before + 1, what="the refusal is in the audit log")
    refused = [line for line in log.read_bytes()[offset:].decode().splitlines() if "snapshot_refused" in line]
    assert len(refused) == 1
    assert reason in refused[0]
    assert siege.opens(siege.live)
    assert not siege.opens(siege.revoked)
    # And what is right is taken as before.
    assert siege.opens(siege.installation.new_key("eu"))


def test_a_region_that_is_fed_old_snapshots_at_its_restart_keeps_its_own(siege: Siege) -> None:
    before = siege.refusals()
    assert siege.installation.processes["region-eu"].stop() == 0
    siege.relay.hang_up("eu")
    eventually(lambda: siege.relay.polls("eu") == 0, what="the stopped region's poll is gone")
    siege.relay.deliver("eu", siege.before_revocation)
    siege.installation.start_region("eu")
    siege.installation.wait_until_ready("eu")
    eventually(lambda: siege.refusals() == before + 1, what="the refusal is in the audit log")
    assert siege.opens(siege.live)
    assert not siege.opens(siege.revoked)


def test_a_rotated_key_takes_over_and_a_stolen_one_is_worth_nothing(siege: Siege) -> None:
    folder = siege.installation.folder
    stolen = Ed25519PrivateKey.from_private_bytes((folder / "control" / "publisher.key").read_bytes())
    signed = opened(siege.before_revocation)
    manifest = msgspec.json.decode(signed.manifest, type=Manifest)
    # With the key in hand he lets the revoked key live again, and takes numbers that nobody else will reach.
    forged = replace(manifest, epoch=2**40, issued_at_ms=time.time_ns() // 1_000_000)
    poison = sign_manifest(stolen, forged, opened(siege.delivered()).certificate)
    away = folder / "root.key"
    (folder / "control" / "root.key").rename(away)
    command = [sys.executable, "-m", "domicile.apps.control", "--config", str(siege.installation.config)]
    rotated = subprocess.run([*command, "--rotate-key", str(away)], capture_output=True, text=True, check=False)
    assert rotated.returncode == 0, rotated.stderr
    siege.installation.new_key("us")
    issued = siege.installation.new_key("eu")
    eventually(lambda: siege.opens(issued), what="the new key's snapshots are taken")
    before = siege.refusals()
    siege.relay.deliver("eu", msgspec.json.encode(poison))
    eventually(lambda: siege.refusals() == before + 1, what="the stolen key's snapshot is refused")
    assert not siege.opens(siege.revoked)
    assert siege.opens(siege.live)
