"""A region whose clock is wrong still hears of revocations: it signs by the control plane's clock."""

import time
from collections.abc import AsyncIterator

import msgspec
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domicile.boundary import protocol, signing
from domicile.boundary.usage import Received
from domicile.data_plane.control_link import ControlLink, ControlRefusedError
from domicile.data_plane.identity import Identity
from tests.unit.data_plane.boundary_server import REPLICA, envelope

HOUR_MS = 3_600_000


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
        self.strict = False

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
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    link = ControlLink(f"http://{host}:{port}", "US", Identity("eu", key, None), REPLICA, ShiftedClock(request.param))
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
