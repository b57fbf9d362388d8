"""Another region's key: answered from the head alone; nothing of the prompt is taken in (contract C12 and C14)."""

import contextlib
import json
import secrets
import time
from typing import Any

import pytest
from openai import APIStatusError, Omit, OpenAI

from domicile.kernel import api_keys
from tests.platform.installation import Installation, IssuedKey
from tests.residency.memory import forms, in_files, in_memory

FIVE_MEGABYTES = 5 * 1024 * 1024
TIMES = 10


def canary() -> bytes:
    return f"canary{secrets.token_hex(24)}canary".encode()


class HalfSentRequest:
    """A chat request on a raw socket: the head and the first bytes of the body in one write, the rest when told to."""

    def __init__(self, installation: Installation, code: str, key: str, *, with_head: bytes) -> None:
        self.socket = installation.connect(code)
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
            f"content-type: application/json\r\ncontent-length: {FIVE_MEGABYTES}\r\n\r\n"
        )
        self.socket.sendall(head.encode() + with_head)

    def answer(self) -> tuple[int, dict[str, object]]:
        """Status and body of an answer that arrives whole while the body is still to be sent."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.socket.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
        )
        while len(body) < length:
            body += self.socket.recv(65536)
        return int(head.split(b" ")[1]), json.loads(body)

    def send_on(self, marker: bytes) -> int:
        """Sends the rest of the five megabytes, the marker all through it, as far as the other side lets it."""
        rest = (marker * (FIVE_MEGABYTES // len(marker) + 1))[: FIVE_MEGABYTES - 1024]
        self.socket.settimeout(0.2)
        sent = 0
        with contextlib.suppress(OSError):
            while sent < len(rest):
                sent += self.socket.send(rest[sent : sent + 65536])
        return sent


@pytest.mark.contract("C12")
@pytest.mark.contract("C14")
def test_what_follows_the_head_is_never_in_the_other_regions_memory(
    installation: Installation, eu_key: IssuedKey
) -> None:
    shared, later = canary(), canary()
    us = installation.processes["region-us"].pid
    request = HalfSentRequest(installation, "us", eu_key.secret, with_head=shared)
    status, body = request.answer()
    assert status == 401
    error = body["error"]
    assert isinstance(error, dict)
    assert error["code"] == "incorrect_hostname"
    assert str(error["message"]).endswith(installation.region_url("eu").partition("://")[2])

    assert request.send_on(later) > 0
    while_open = in_memory(us, forms(later))
    request.socket.close()
    after = in_memory(us, forms(later))
    assert (while_open, after) == ([], [])
    # What shared the head's read was in the listener's buffer, which was overwritten.
    assert in_memory(us, forms(shared)) == []
    assert in_files(installation.folder / "us", forms(shared)) == []
    assert in_files(installation.folder / "logs", forms(shared)) == []


def test_the_search_finds_what_is_taken_in(installation: Installation, us_key: IssuedKey) -> None:
    """The negative twin: the same bytes with a key of this region are in its memory, and the search sees them."""
    shared, later = canary(), canary()
    request = HalfSentRequest(installation, "us", us_key.secret, with_head=shared)
    assert request.send_on(later) > 0
    deadline = time.monotonic() + 10
    found: list[str] = []
    while "raw" not in found and time.monotonic() < deadline:
        found = in_memory(installation.processes["region-us"].pid, forms(later))
    request.socket.close()
    assert "raw" in found


def refused_chat(client: OpenAI, marker: bytes, size: int, headers: dict[str, Any]) -> APIStatusError:
    """What the official client raises for a chat that holds the marker all through it."""
    prompt = (marker.decode() + " ") * (size // len(marker))
    with pytest.raises(APIStatusError) as caught:
        client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": prompt}], extra_headers=headers
        )
    return caught.value


REFUSED: list[tuple[str, str]] = [
    ("Authorization", "foreign"),
    ("api-key", "foreign"),
    ("Authorization", "typo"),
    ("api-key", "typo"),
    ("Authorization", "nonsense"),
    ("Authorization", "two"),
    ("Authorization", "none"),
]


def headers_of(installation: Installation, place: str, kind: str, foreign: str) -> dict[str, Any]:
    """The headers of a request that this region refuses. The official client puts a key of its own into Authorization."""
    if kind == "none":
        return {"Authorization": Omit()}
    if kind == "two":
        return {"Authorization": f"Bearer {foreign}", "api-key": installation.new_key("us").secret}
    key = {"foreign": foreign, "typo": foreign[:-1], "nonsense": "sk-proj-0123456789abcdef"}[kind]
    value = key if place == "api-key" else f"Bearer {key}"
    return {"Authorization": Omit(), place: value}


@pytest.mark.contract("C12")
@pytest.mark.parametrize("size", [100, 50_000], ids=["small", "large"])
@pytest.mark.parametrize(("place", "kind"), REFUSED)
def test_the_official_clients_refused_prompt_is_nowhere(
    installation: Installation, eu_key: IssuedKey, place: str, kind: str, size: int
) -> None:
    """The client often sends head and prompt so close together that one read takes both."""
    us, markers = installation.processes["region-us"].pid, [canary() for _ in range(TIMES)]
    headers = headers_of(installation, place, kind, eu_key.secret)
    with installation.client("us", "unused") as client:
        for marker in markers:
            assert refused_chat(client, marker, size, headers).status_code == 401
        needles = {f"{form} {n}": needle for n, marker in enumerate(markers) for form, needle in forms(marker).items()}
        assert in_memory(us, needles) == []


@pytest.mark.contract("C12")
@pytest.mark.parametrize("size", [100, 50_000], ids=["small", "large"])
@pytest.mark.parametrize("kind", ["project", "admin", "none"])
def test_a_prompt_sent_to_the_control_plane_is_nowhere(
    installation: Installation, eu_key: IssuedKey, kind: str, size: int
) -> None:
    control, markers = installation.processes["control"].pid, [canary() for _ in range(TIMES)]
    admin_key = (installation.folder / "control" / "admin.key").read_text().strip()
    key = {"project": eu_key.secret, "admin": admin_key, "none": "unused"}[kind]
    headers: dict[str, Any] = {"Authorization": Omit()} if kind == "none" else {}
    with installation.client("us", key).with_options(base_url=f"{installation.control_url}/v1") as client:
        for marker in markers:
            refused = refused_chat(client, marker, size, headers)
            host = installation.region_url("eu").partition("://")[2]
            assert host in refused.message
            assert (refused.status_code, refused.code) == (
                (401, "incorrect_hostname") if kind == "project" else (404, "unknown_url")
            )
        needles = {f"{form} {n}": needle for n, marker in enumerate(markers) for form, needle in forms(marker).items()}
        assert in_memory(control, needles) == []


@pytest.mark.contract("C14")
def test_the_other_region_does_not_know_the_keys_hash(installation: Installation, eu_key: IssuedKey) -> None:
    digest = api_keys.sha256(eu_key.secret)
    needles = {
        "hash": digest,
        "hash in hex": digest.hex().encode(),
        "key": eu_key.secret.encode(),
        **{form: needle for form, needle in forms(eu_key.secret.encode()).items() if form.startswith("base64")},
    }
    # Used on both sides, so that whatever remembers keys has had the chance to.
    installation.client("eu", eu_key.secret).models.list()
    HalfSentRequest(installation, "us", eu_key.secret, with_head=b"").answer()

    assert in_memory(installation.processes["region-eu"].pid, {"hash": digest}) == ["hash"], "the search works"
    found = in_memory(installation.processes["region-us"].pid, needles)
    # The head itself was read once; what must not be there is anything that could recognize the key again.
    assert [form for form in found if form.startswith("hash")] == []
    assert in_files(installation.folder / "us", needles) == []
    assert in_files(installation.folder / "logs", needles) == []
