"""The negative twins, proved: with a rule of the contract switched off in the source, the tests named beside it fail.

A mutant is one replacement of text in a copy of the source; the tests run against the copy.
"""

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, SOURCE

POLICY = "data_plane/policy"
FOREIGN = "tests/residency/test_foreign_key.py"
TABLE = "tests/residency/test_error_table.py"
BAD_DAYS = "tests/residency/test_bad_days.py"
CANARY = "tests/residency/test_canary.py"
THIRD = "tests/residency/test_third_region.py"


@dataclass(frozen=True)
class Mutant:
    """`before` stands exactly once in `file`; with `after` in its place one of `tests` must fail."""

    contract: str
    rule: str
    file: str
    before: str
    after: str
    tests: str


MUTANTS = [
    Mutant(
        "C01",
        "Europe needs an agreement",
        f"{POLICY}/retention.py",
        "lacks_agreement = policy.requires_enterprise and not caller.organization.enterprise_agreement",
        "lacks_agreement = False",
        f"{TABLE} -k withdrawn",
    ),
    Mutant(
        "C01",
        "Europe needs ZDR eligibility",
        f"{POLICY}/retention.py",
        "lacks_eligibility = policy.requires_zdr and not caller.organization.zdr_eligible",
        "lacks_eligibility = False",
        f"{TABLE} -k withdrawn",
    ),
    Mutant(
        "C02",
        "ZDR must be approved for the endpoint",
        f"{POLICY}/retention.py",
        "if endpoint not in caller.organization.zdr_endpoints or not caller.retention.is_zero:",
        "if False:",
        f"{TABLE} -k withdrawn",
    ),
    Mutant(
        "C03",
        "images need enhanced ZDR",
        f"{POLICY}/retention.py",
        "if first_image is None or not policy.requires_zdr:",
        "if True:",
        f"{TABLE} -k images",
    ),
    Mutant(
        "C07",
        "no content in logs",
        "data_plane/http/chat_completions.py",
        "        answer = streamed_answer if body.streams",
        '        __import__("sys").stderr.write(str(body) + "\\n")\n        answer = streamed_answer if body.streams',
        CANARY,
    ),
    Mutant(
        "C07",
        "no content in files",
        "data_plane/http/chat_completions.py",
        "        answer = streamed_answer if body.streams",
        '        sys = __import__("sys")\n'
        '        with open(sys.argv[2].replace("domicile.toml", "eu/left"), "a") as file:\n'
        "            file.write(str(body))\n"
        "        answer = streamed_answer if body.streams",
        CANARY,
    ),
    Mutant(
        "C07",
        "a report is counted once",
        "control_plane/reports.py",
        "        return None\n    await writing",
        "        return writing\n    await writing",
        "tests/unit/control_plane/usage",
    ),
    Mutant(
        "C09",
        "an unknown geography is an error, not the default",
        "control_plane/projects/service.py",
        '            raise self._unknown("residency", residency)',
        "            return None",
        TABLE,
    ),
    Mutant(
        "C10",
        "a project never moves",
        "control_plane/projects/service.py",
        "            if residency not in {None, region.residency}:",
        "            if False:",
        TABLE,
    ),
    Mutant(
        "C01",
        "a European project needs agreement and eligibility",
        "control_plane/projects/service.py",
        "            await require_agreement(change, administrator.organization_id, region)\n",
        "",
        "tests/unit/control_plane/projects",
    ),
    Mutant(
        "C08",
        "an engine stands inside the region",
        "settings/installation.py",
        "if engine.country not in allowed:",
        "if False:",
        f"{THIRD} -k outside",
    ),
    Mutant(
        "C05",
        "an image is fetched from the operator's hosts alone",
        f"{POLICY}/remote_image.py",
        "if parts is None or (parts[1], int(parts[2] or 443)) not in allowed:",
        "if parts is None:",
        "tests/unit/data_plane/policy/test_remote_image.py",
    ),
    Mutant(
        "C03",
        "the image gate holds for moderations too",
        f"{POLICY}/moderation_content.py",
        "images[0][0] if images else None",
        "None",
        "tests/unit/data_plane/policy/test_moderation_content.py",
    ),
    Mutant(
        "C05",
        "an image's address in a moderation is looked at",
        f"{POLICY}/content.py",
        "return (Address(param, url, rule),)",
        "return ()",
        "tests/unit/data_plane/policy/test_moderation_content.py",
    ),
    Mutant(
        "C05",
        "an embedded engine stands in for no other",
        "settings/engines.py",
        "if together and one.embedded is not other.embedded:",
        "if False:",
        "tests/unit/settings/test_engines.py",
    ),
    Mutant(
        "C05",
        "a redirect from an engine is not followed",
        "data_plane/engines/upstream.py",
        "data=request.body, headers=headers, allow_redirects=False)",
        "data=request.body, headers=headers, allow_redirects=True)",
        "tests/contract/backends -k redirect",
    ),
    Mutant(
        "C11",
        "a project that names no region is born in the default one",
        "control_plane/projects/service.py",
        "or self._installation.region(self._installation.default_region)",
        'or self._installation.region("eu")',
        "tests/unit/control_plane/projects",
    ),
    Mutant(
        "C12",
        "another region's key is answered from the head",
        "data_plane/http/auth.py",
        "error = None if key is None else self._elsewhere(key)",
        "error = None",
        FOREIGN,
    ),
    Mutant(
        "C12",
        "after the head the socket is never read",
        "web/unread.py",
        '        transport.pause_reading()\n        if sys.platform == "linux":',
        "        if not transport:",
        FOREIGN,
    ),
    Mutant(
        "C12",
        "what still comes is dropped in the kernel",
        "web/unread.py",
        "len(_NOWHERE), socket.MSG_TRUNC)",
        "len(_NOWHERE), 0)",
        FOREIGN,
    ),
    Mutant(
        "C12",
        "the host stands last in the message",
        "kernel/errors.py",
        'Please make your request to {host}"',
        'Please make your request to {host} instead"',
        FOREIGN,
    ),
    Mutant(
        "C14",
        "a region gets only its own keys",
        "control_plane/shards.py",
        "        .where(\n            project.c.region == region,\n",
        "        .where(\n",
        f"{FOREIGN} tests/unit/control_plane",
    ),
    Mutant(
        "C14",
        "a revoked key leaves the snapshot",
        "control_plane/shards.py",
        "            key.c.revoked_at_ms.is_(None),\n",
        "",
        BAD_DAYS,
    ),
    Mutant(
        "C14",
        "an archived project's keys leave the snapshot",
        "control_plane/shards.py",
        '            project.c.status == "active",\n            key',
        "            key",
        f"{BAD_DAYS} tests/unit/control_plane",
    ),
    Mutant(
        "C16",
        "a region starts from its saved snapshot",
        "apps/region.py",
        "        await subscription.restore()\n",
        "",
        BAD_DAYS,
    ),
    Mutant(
        "C17",
        "the directory names every configured region",
        "control_plane/publisher.py",
        "for code, host in sorted(directory.items()))",
        'for code, host in sorted(directory.items()) if code != "jp")',
        THIRD,
    ),
    Mutant(
        "C20",
        "what is not listed for the endpoint is refused",
        f"{POLICY}/residency.py",
        "        if eligibility.reason is Ineligible.MODEL:",
        "        if False:",
        TABLE,
    ),
    Mutant(
        "C20",
        "an unknown parameter is refused",
        "openai_api/closed.py",
        "forbid_unknown_fields=True, ",
        "",
        TABLE,
    ),
    Mutant(
        "C28",
        "a schema that cannot be enforced is refused",
        "engine_server/chat/enforcement.py",
        '                raise refused(schema.param, "it cannot be enforced; its patterns are the likely reason.")',
        "                pass",
        "tests/contract/engine/test_refusals.py -k cannot_enforce",
    ),
    Mutant(
        "design 4",
        "one tenant's prompt cache is not another's",
        "data_plane/inference/story.py",
        "        return placement.reservation.admission.caller.project.project_id",
        '        return "everybody"',
        "tests/e2e/test_chat.py -k tenant",
    ),
    Mutant(
        "design 2",
        "a snapshot's signature is checked",
        "boundary/signing.py",
        "    except (InvalidSignature, ValueError) as error:\n        raise BadSignatureError from error",
        "    except (InvalidSignature, ValueError):\n        return",
        "tests/unit/boundary tests/unit/data_plane/snapshot",
    ),
    Mutant(
        "C02",
        "a European project is never set to less than ZDR",
        "control_plane/retention/service.py",
        "            if project.region in self._demanding and not effective.is_zero:",
        "            if False:",
        "tests/unit/control_plane/retention",
    ),
    Mutant(
        "C02",
        "an organization's default weakens no European project",
        "control_plane/retention/service.py",
        "            if not retention.is_zero:",
        "            if False:",
        "tests/unit/control_plane/retention",
    ),
    Mutant(
        "C03",
        "enhanced retention needs the operator's approval",
        "control_plane/retention/service.py",
        "    if retention.is_enhanced and not agreement.enhanced_zdr:",
        "    if False:",
        "tests/unit/control_plane/retention",
    ),
    Mutant(
        "C03",
        "an image needs enhanced retention, approved and set",
        f"{POLICY}/retention.py",
        "    if not (caller.organization.enhanced_zdr and caller.retention.is_enhanced):",
        "    if not caller.organization.enhanced_zdr:",
        "tests/residency/test_retention.py tests/unit/data_plane/policy",
    ),
    Mutant(
        "design 5",
        "store: true is refused",
        f"{POLICY}/retention.py",
        "    if store is not True:",
        "    if store is not None:",
        f"{TABLE} -k storing",
    ),
    Mutant(
        "C13",
        "an organization sees its own usage only",
        "control_plane/usage/service.py",
        "            table.c.organization_id == administrator.organization_id,",
        "            table.c.organization_id.is_not(None),",
        "tests/unit/control_plane/usage tests/residency/test_two_organizations.py",
    ),
    Mutant(
        "C07",
        "usage of another region's project is refused",
        "control_plane/usage/service.py",
        "                if not await belongs_together(writing, report.region, delta):",
        "                if False:",
        "tests/unit/control_plane/usage",
    ),
    Mutant(
        "C14",
        "an expired key is refused by the region itself",
        "data_plane/http/auth.py",
        "record.expires_at_ms <= self._clock.now_ms()",
        "record.expires_at_ms < 0",
        "tests/unit/data_plane/http",
    ),
    Mutant(
        "C05",
        "a session connects only where it was made for",
        "data_plane/egress.py",
        "        if (req.url.host, req.url.port) != self._allowed:",
        "        if False:",
        "tests/unit/data_plane/test_egress.py",
    ),
    Mutant(
        "design 2",
        "an older snapshot is refused",
        "data_plane/snapshot/verification.py",
        "    if position <= held:",
        "    if False:",
        "tests/unit/data_plane/snapshot",
    ),
    Mutant(
        "design 2",
        "a root key is succeeded by its own word alone",
        "data_plane/snapshot/succession.py",
        "        if enrollment.root_key is None or succession.before != public_key_id(enrollment.root_key):",
        "        if False:",
        "tests/unit/data_plane/snapshot/test_succession.py",
    ),
    Mutant(
        "design 2",
        "an old succession is no news when its root key comes back",
        "data_plane/snapshot/succession.py",
        "        if succession.serial <= max(held.serial, enrollment.serial):",
        "        if False:",
        "tests/unit/data_plane/snapshot/test_succession.py",
    ),
    Mutant(
        "design 2",
        "who is named as a root key shows that he has it",
        "boundary/signing.py",
        "    _verify(signed.succession.public_key, signed.possession, _POSSESSION_PREFIX + message)\n",
        "",
        "tests/unit/data_plane/snapshot/test_succession.py",
    ),
    Mutant(
        "design 2",
        "a new root key is on disk before what it has certified counts",
        "data_plane/snapshot/subscription.py",
        "            await self._repository.save(signed, shards, position, root_key=root_key, succeeds=before.root_key)\n",
        "",
        "tests/unit/data_plane/snapshot/test_subscription.py -k RootRotation",
    ),
    Mutant(
        "design 2",
        "another region's snapshot is refused",
        "data_plane/snapshot/verification.py",
        "    if manifest.region != region:",
        "    if False:",
        "tests/unit/data_plane/snapshot",
    ),
    Mutant(
        "design 2",
        "a shard's bytes are those of the manifest",
        "data_plane/snapshot/verification.py",
        "    if digest(body) != sha256:",
        "    if False:",
        "tests/unit/data_plane/snapshot",
    ),
    Mutant(
        "design 4",
        "a member that stands twice is refused",
        "web/json_body.py",
        "    if len(value) != len(pairs):",
        "    if False:",
        TABLE,
    ),
    Mutant(
        "design 2",
        "an idempotency key is not used for something else",
        "control_plane/idempotency.py",
        "    if row.body_sha256 != attempt.body_sha256:",
        "    if False:",
        "tests/unit/control_plane/test_idempotency.py",
    ),
    Mutant(
        "C12",
        "over TLS, nothing behind a refused head is decrypted",
        "web/tls_connection.py",
        "        while self.is_reading and not self._said_goodbye:",
        "        while True:",
        "tests/unit/web/test_tls.py -k refused_record",
    ),
    Mutant(
        "design 8",
        "a listener beyond loopback is not in clear",
        "settings/listener.py",
        "        if not self.speaks_tls:\n            raise ValueError(\n",
        "        if False:\n            raise ValueError(\n",
        "tests/unit/settings/test_listener.py",
    ),
    Mutant(
        "design 8",
        "nobody goes around the TLS proxy",
        "web/protocol.py",
        "        if self.trusted_proxies is not None and not self.trusted_proxies.include(transport):",
        "        if False:",
        "tests/unit/web/test_trusted_proxies.py -k stranger",
    ),
    Mutant(
        "design 8",
        "what reached the TLS proxy in clear is refused",
        "web/protocol.py",
        "        if self.trusted_proxies is not None and came_in_clear(self.headers):",
        "        if False:",
        "tests/unit/web/test_trusted_proxies.py -k named_proxy",
    ),
    Mutant(
        "design 7",
        "a database that cannot work now is no defect",
        "persistence/unavailable.py",
        "        return sqlite_code & 0xFF in _SQLITE_CODES",
        "        return False",
        "tests/unit/persistence",
    ),
    Mutant(
        "design 2",
        "a region goes by the control plane's clock",
        "data_plane/clock.py",
        "        return self.machine.now_ms() + self._ahead_ms",
        "        return self.machine.now_ms()",
        "tests/unit/data_plane/test_clock.py",
    ),
    Mutant(
        "design 2",
        "an old snapshot does not set the clock back",
        "data_plane/clock.py",
        "        if not is_fresh:",
        "        if False:",
        "tests/unit/data_plane/test_clock.py",
    ),
    Mutant(
        "design 4",
        "what the platform cuts off is not put down to the client",
        "data_plane/inference/interruption.py",
        "        self.outcome = Outcome.CUT_OFF",
        "        self.outcome = Outcome.CLIENT_LEFT",
        "tests/residency/test_draining.py -k outlives",
    ),
    Mutant(
        "design 5",
        "a link to an image opens for an hour",
        "data_plane/storage/image_links.py",
        " or row.expires_at_ms <= self._clock.now_ms()",
        "",
        "tests/unit/data_plane/storage",
    ),
    Mutant(
        "design 5",
        "an archived project's links are gone",
        "data_plane/storage/image_links.py",
        " or not self._is_live(row.project_id)",
        "",
        "tests/unit/data_plane/storage",
    ),
    Mutant(
        "design 5",
        "what rests behind a link is ciphertext",
        "data_plane/storage/image_links.py",
        "nonce + AESGCM(key).encrypt(nonce, picture, _bound_to(project_id, image_id, expires_at_ms))",
        "nonce + AESGCM(key).encrypt(nonce, picture, _bound_to(project_id, image_id, expires_at_ms)) + picture",
        "tests/unit/data_plane/storage",
    ),
    Mutant(
        "design 5",
        "a ciphertext belongs to its project and its hour",
        "data_plane/storage/image_links.py",
        '    return f"domicile image link\\n{project_id}\\n{image_id}\\n{expires_at_ms}".encode("ascii")',
        '    return b""',
        "tests/unit/data_plane/storage",
    ),
    Mutant(
        "C21",
        "no engine's address is passed on",
        "openai_api/images.py",
        "    if not isinstance(image.b64_json, str):",
        "    if False:",
        "tests/unit/openai_api/test_images.py",
    ),
    Mutant(
        "design 7",
        "an image is what it claims",
        "data_plane/policy/image_input.py",
        "    if header.kind != claimed:",
        "    if False:",
        "tests/unit/data_plane/policy/test_image_input.py",
    ),
]


def mutate(folder: Path, mutant: Mutant) -> None:
    file = folder / "domicile" / mutant.file
    text = file.read_text("utf-8")
    assert text.count(mutant.before) == 1, f"{mutant.file} no longer holds the text of this mutant exactly once"
    file.write_text(text.replace(mutant.before, mutant.after))


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.contract}: {mutant.rule}")
def test_a_rule_that_is_switched_off_makes_a_test_fail(tmp_path: Path, mutant: Mutant) -> None:
    shutil.copytree(SOURCE, tmp_path / "domicile", ignore=shutil.ignore_patterns("__pycache__"))
    mutate(tmp_path, mutant)
    outcome = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *shlex.split(mutant.tests)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 1, f"nothing noticed that this rule is off: {mutant.rule}\n{outcome.stdout[-2000:]}"
    assert "failed" in outcome.stdout


def test_every_mutant_is_a_place_in_the_source() -> None:
    for mutant in MUTANTS:
        assert (SOURCE / mutant.file).read_text("utf-8").count(mutant.before) == 1, mutant.rule
