"""The same over TLS, which every listener speaks by itself: control plane, boundary and region as real processes."""

import asyncio
import ssl
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from openai import AsyncOpenAI, AuthenticationError

from tests.platform.certificates import Issuer
from tests.platform.installation import Installation, IssuedKey
from tests.platform.processes import eventually
from tests.residency.memory import forms, in_memory
from tests.residency.test_foreign_key import TIMES, HalfSentRequest, canary, refused_chat

LARGE: Any = [{"role": "user", "content": "x" * 5_000_000}]


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Both regions enroll and follow the boundary over https, by the roots that boundary_ca_file names."""
    folder = tmp_path_factory.mktemp("tls")
    installation = Installation(folder, issuer=Issuer(folder / "tls"))
    try:
        yield installation.start()
    finally:
        installation.stop()


@pytest.fixture(scope="module")
def elsewhere(secure: Installation) -> IssuedKey:
    return secure.new_key("eu")


@pytest.mark.contract("C12")
def test_a_foreign_keys_prompt_is_never_decrypted(secure: Installation, elsewhere: IssuedKey) -> None:
    shared, later = canary(), canary()
    us = secure.processes["region-us"].pid
    request = HalfSentRequest(secure, "us", elsewhere.secret, with_head=shared)
    status, body = request.answer()
    assert (status, body["error"]["code"]) == (401, "incorrect_hostname")  # type: ignore[index]
    assert request.send_on(later) > 1024 * 1024
    while_open = in_memory(us, forms(later))
    request.socket.close()
    assert (while_open, in_memory(us, forms(later))) == ([], [])
    # The record that held the head was decrypted, and overwritten wherever it stood in clear.
    assert in_memory(us, forms(shared)) == []


@pytest.mark.contract("C12")
@pytest.mark.parametrize("size", [100, 50_000], ids=["small", "large"])
def test_the_official_clients_refused_prompt_is_nowhere(secure: Installation, elsewhere: IssuedKey, size: int) -> None:
    us, markers = secure.processes["region-us"].pid, [canary() for _ in range(TIMES)]
    with secure.client("us", elsewhere.secret) as client:
        for marker in markers:
            assert refused_chat(client, marker, size, {}).code == "incorrect_hostname"
        needles = {f"{form} {n}": needle for n, marker in enumerate(markers) for form, needle in forms(marker).items()}
        assert in_memory(us, needles) == []


def test_the_search_finds_what_is_decrypted(secure: Installation) -> None:
    """The negative twin: with a key of this region the same bytes are in its memory."""
    later = canary()
    request = HalfSentRequest(secure, "us", secure.new_key("us").secret, with_head=b"")
    assert request.send_on(later) > 0
    us = secure.processes["region-us"].pid
    assert eventually(lambda: "raw" in in_memory(us, forms(later)))
    request.socket.close()


@pytest.mark.contract("C12")
def test_the_official_client_reads_the_refusal_while_it_sends(secure: Installation, elsewhere: IssuedKey) -> None:
    async def post() -> list[Any]:
        url = f"{secure.region_url('us')}/v1"
        http = httpx2.AsyncClient(verify=secure.verify, timeout=30)
        async with AsyncOpenAI(api_key=elsewhere.secret, base_url=url, max_retries=0, http_client=http) as client:
            asked = [client.chat.completions.create(model="m", messages=LARGE) for _ in range(5)]
            return await asyncio.gather(*asked, return_exceptions=True)

    outcomes = asyncio.run(post())
    assert [getattr(each, "code", each) for each in outcomes] == ["incorrect_hostname"] * 5
    assert all(isinstance(each, AuthenticationError) for each in outcomes)


def test_a_certificate_is_replaced_under_open_connections(secure: Installation) -> None:
    key = secure.new_key("us").secret
    assert secure.issuer is not None
    with secure.client("us", key) as kept:
        kept.models.list()
        renewed = secure.issuer.renew()
        with secure.connect("us") as fresh:
            assert isinstance(fresh, ssl.SSLSocket)
            assert fresh.getpeercert(binary_form=True) == renewed
        kept.models.list()
        stream = kept.chat.completions.create(
            model="gpt-4o-2024-08-06", messages=[{"role": "user", "content": "hello"}], stream=True
        )
        assert list(stream)
