"""A region whose clock is wrong still hears of revocations: it signs by the control plane's clock."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace

import msgspec
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domicile.boundary import protocol, signing
from domicile.boundary.publisher_key import PublisherCertificate
from domicile.boundary.time import TimeQuery
from domicile.boundary.usage import Received
from domicile.data_plane.control_link import ControlLink, ControlRefusedError, ControlUnreachableError
from domicile.data_plane.identity import Enrollment, Identity
from tests.component.data_plane.boundary_server import REPLICA, envelope

HOUR_MS = 3_600_000
INSTALLATION = "inst_" + "I" * 24


class ShiftedClock:
    """The machine's clock, so many milliseconds off."""

    def __init__(self, off_ms: int) -> None:
        self._off_ms = off_ms

    def now_ms(self) -> int:
        return int(time.time() * 1000) + self._off_ms


class Control:
    """Verifies every call by the right time, as the control plane does. `strict` refuses whatever it is shown."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._public_key = signing.public_key_bytes(key)
        self.calls = 0
        self.times_asked = 0
        self.strict = False
        self.publisher, self.root = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
        self.serial = 3
        self.old_answer: bytes | None = None

    @property
    def enrollment(self) -> Enrollment:
        """What the region trusts."""
        return Enrollment(INSTALLATION, signing.public_key_bytes(self.root), 3)

    async def time(self, request: web.Request) -> web.Response:
        self.times_asked += 1
        nonce = msgspec.json.decode(await request.read(), type=TimeQuery).nonce
        public_key = signing.public_key_bytes(self.publisher)
        certificate = PublisherCertificate(
            INSTALLATION, signing.public_key_id(public_key), public_key, not_before_ms=0, serial=self.serial
        )
        signed = signing.sign_certificate(self.root, certificate)
        answer = msgspec.json.encode(signing.sign_time(self.publisher, signed, nonce, int(time.time() * 1000)))
        if self.old_answer is None:
            self.old_answer = answer
            return web.Response(body=answer)
        return web.Response(body=self.old_answer)

    async def report(self, request: web.Request) -> web.Response:
        self.calls += 1
        try:
            if self.strict:
                raise signing.BadSignatureError
            signing.verify_request(
                self._public_key,
                region="eu",
                replica=REPLICA,
                method=request.method,
                target=request.path,
                timestamp_ms=int(request.headers[signing.TIMESTAMP_HEADER]),
                signature=request.headers[signing.SIGNATURE_HEADER],
                body=await request.read(),
                now_ms=int(time.time() * 1000),
            )
        except signing.BadSignatureError:
            return web.Response(status=403, body=envelope("bad_signature"))
        return web.Response(body=msgspec.json.encode(Received(True)))


@pytest.fixture(params=[-HOUR_MS, HOUR_MS], ids=["an hour behind", "an hour ahead"])
async def linked(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Control, ControlLink]]:
    key = Ed25519PrivateKey.generate()
    control = Control(key)
    application = web.Application()
    application.router.add_post(protocol.USAGE, control.report)
    application.router.add_post(protocol.TIME, control.time)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    link = ControlLink(
        f"http://{host}:{port}", "US", Identity("eu", key, control.enrollment), REPLICA, ShiftedClock(request.param)
    )
    try:
        yield control, link
    finally:
        await link.close()
        await runner.cleanup()


async def test_a_wrong_clock_is_set_right_by_the_first_refusal(linked: tuple[Control, ControlLink]) -> None:
    control, link = linked
    assert (await link.report(protocol.USAGE, b"{}")).new
    assert control.calls == 2, "refused once, signed by the control plane's clock the second time"
    assert (await link.report(protocol.USAGE, b"{}")).new
    assert control.calls == 3, "and from then on at once"


async def test_a_refusal_for_another_reason_is_not_tried_for_ever(linked: tuple[Control, ControlLink]) -> None:
    control, link = linked
    control.strict = True
    with pytest.raises(ControlRefusedError):
        await link.report(protocol.USAGE, b"{}")
    assert control.calls == 2
    with pytest.raises(ControlRefusedError):
        await link.report(protocol.USAGE, b"{}")
    assert control.calls == 3, "the clocks agree now, so there is nothing to set right"


@pytest.mark.parametrize(
    "forgery", ["another root key", "an older certificate", "a replayed answer", "no answer at all"]
)
async def test_no_unsigned_word_moves_the_clock(linked: tuple[Control, ControlLink], forgery: str) -> None:
    """Nor does the `Date` of any answer: aiohttp's server sends the right one with each."""
    control, link = linked
    if forgery == "another root key":
        control.root = Ed25519PrivateKey.generate()
    elif forgery == "an older certificate":
        control.serial = 2
    elif forgery == "a replayed answer":
        control.old_answer = b"{}"
    else:
        link.trust(replace(control.enrollment, root_key=None))
    for calls in (1, 2):
        with pytest.raises((ControlRefusedError, ControlUnreachableError)):
            await link.report(protocol.USAGE, b"{}")
        assert control.calls == calls, "not signed by a time that nobody vouches for"


async def test_an_answer_for_another_question_is_no_answer(linked: tuple[Control, ControlLink]) -> None:
    control, link = linked
    public_key = signing.public_key_bytes(control.publisher)
    certificate = PublisherCertificate(INSTALLATION, signing.public_key_id(public_key), public_key, 0, 3)
    signed = signing.sign_certificate(control.root, certificate)
    control.old_answer = msgspec.json.encode(
        signing.sign_time(control.publisher, signed, b"n" * 32, int(time.time() * 1000))
    )
    with pytest.raises(ControlRefusedError):
        await link.report(protocol.USAGE, b"{}")
    assert (control.calls, control.times_asked) == (1, 1)
