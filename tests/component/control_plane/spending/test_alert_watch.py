"""Alerts fire once a month when spending reaches them, and reach the operator's webhook whatever happens on the way."""

import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from prometheus_client import CollectorRegistry

from domicile.boundary.spending import month_of, month_start_ms
from domicile.boundary.usage import Usage
from domicile.control_plane.changes import Changes
from domicile.control_plane.database.transactions import Reader
from domicile.control_plane.spending.alert_watch import AlertWatch
from domicile.control_plane.spending.webhooks import KEEP_MS, RETRY_MIN_MS, WebhookSender
from domicile.settings.spend_alerts import SpendAlertSettings
from tests.component.control_plane.platform_under_test import Platform, ShiftedClock, Start, settings
from tests.component.control_plane.usage.consumer import Consumer, consumer
from tests.platform.certificates import Issuer
from tests.unit.data_plane.region_parts import until

CHANNEL = {"type": "email", "recipients": ["finance@example.com"], "subject_prefix": "Spend"}


class Webhook:
    """The operator's receiver, on a real TLS listener."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.status = 200
        self.tries = 0
        self.url = ""

    async def receive(self, request: web.Request) -> web.Response:
        self.tries += 1
        body = await request.json()
        assert request.headers["webhook-id"] == body["id"]
        if self.status == 200:
            self.taken.append(body)
        return web.Response(status=self.status, headers={"location": "https://elsewhere.example/"})


@pytest_asyncio.fixture
async def webhook(tmp_path: Path) -> AsyncIterator[Webhook]:
    issuer, received = Issuer(tmp_path / "tls"), Webhook()
    application = web.Application()
    application.router.add_post("/alerts", received.receive)
    runner = web.AppRunner(application)
    await runner.setup()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(issuer.certificate_file, issuer.key_file)
    site = web.TCPSite(runner, "localhost", 0, ssl_context=context)
    await site.start()
    port = runner.addresses[0][1]
    received.url = f"https://localhost:{port}/alerts"
    yield received
    await runner.cleanup()


class Watched:
    """A watch and a sender of the test's own, on the platform's database."""

    def __init__(
        self, platform: Platform, clock: ShiftedClock, url: str | None, session: aiohttp.ClientSession
    ) -> None:
        database = platform.running.database
        self.registry = CollectorRegistry()
        changes = Changes(database, platform.running.publisher, clock)
        reader = Reader(database)
        self.watch = AlertWatch(reader, changes, clock, self.registry, has_webhook=url is not None)
        self.sender = WebhookSender(reader, database, clock, session, url or "https://unused.example")

    @property
    def fired(self) -> float:
        return self.registry.get_sample_value("domicile_spend_alerts_reached_total") or 0


@pytest_asyncio.fixture
async def session(tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    """One that trusts the test's authority."""
    authority = tmp_path / "tls" / "ca.pem"
    trusted = ssl.create_default_context(cafile=authority) if authority.exists() else True
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusted)) as session:
        yield session


async def alert(platform: Platform, who: Consumer, cents: int, *, project: bool = False) -> str:
    path = "/v1/organization" + (f"/projects/{who.project_id}" if project else "") + "/spend_alerts"
    body = {"threshold_amount": cents, "currency": "USD", "interval": "month", "notification_channel": CHANNEL}
    status, answer = await platform.ask("POST", path, body, key=who.admin_key)
    assert status == 200, answer
    return str(answer["id"])


async def spend(who: Consumer, cents: int, at_s: float | None = None) -> None:
    """A thousand tokens of output cost a cent."""
    delta = who.delta(int(at_s or time.time()), usage=Usage(output_tokens=1000 * cents))
    assert (await who.report(delta)).status == 200


async def test_an_alert_fires_once_a_month(
    platform: Platform, clock: ShiftedClock, session: aiohttp.ClientSession
) -> None:
    who = await consumer(platform, await platform.enrolled("us"))
    watched = Watched(platform, clock, None, session)
    own, whole, free = (
        await alert(platform, who, 10, project=True),
        await alert(platform, who, 20),
        await alert(platform, who, 0),
    )
    await watched.watch.look()
    assert watched.fired == 0, "nothing is spent"
    await spend(who, 9)
    await watched.watch.look()
    assert watched.fired == 1
    for _ in range(2):
        await spend(who, 1)
        await watched.watch.look()
        await watched.watch.look()
        assert watched.fired == 2
    await spend(who, 9)
    await watched.watch.look()
    assert watched.fired == 3
    log = await platform.audit(key=who.admin_key)
    reached = [each["domicile"] for each in log if each["domicile"]["type"] == "spend_alert.reached"]
    assert len(reached) == 3
    assert all(each["type"] == "organization.updated" for each in log[:3])
    month = month_of(clock.now_ms())
    next_s = month_start_ms(month + 1) / 1000
    clock.ahead_ms += int(next_s * 1000) - clock.now_ms() + 1000
    who.region.ahead_ms = clock.ahead_ms
    await watched.watch.look()
    assert watched.fired == 3, "a new month begins with nothing"
    await spend(who, 10, next_s)
    await watched.watch.look()
    assert watched.fired == 5
    assert len({own, whole, free}) == 3


async def test_another_threshold_may_fire_again_and_a_deleted_alert_never_does(
    platform: Platform, clock: ShiftedClock, session: aiohttp.ClientSession
) -> None:
    who = await consumer(platform, await platform.enrolled("us"))
    watched = Watched(platform, clock, None, session)
    first, second = await alert(platform, who, 1), await alert(platform, who, 5)
    await spend(who, 2)
    await watched.watch.look()
    assert watched.fired == 1
    path = f"/v1/organization/spend_alerts/{first}"
    body = {"threshold_amount": 3, "currency": "USD", "interval": "month", "notification_channel": CHANNEL}
    await platform.ask("POST", path, body, key=who.admin_key)
    await platform.ask("DELETE", f"/v1/organization/spend_alerts/{second}", key=who.admin_key)
    await spend(who, 4)
    await watched.watch.look()
    assert watched.fired == 2


async def test_the_webhook_gets_each_alert_also_after_failures_and_a_restart(
    platform: Platform, clock: ShiftedClock, webhook: Webhook, session: aiohttp.ClientSession
) -> None:
    who = await consumer(platform, await platform.enrolled("us"))
    alert_id = await alert(platform, who, 10, project=True)
    watched = Watched(platform, clock, webhook.url, session)
    await spend(who, 12)
    await watched.watch.look()
    # An error, and a redirect that is not followed.
    for tries, status in enumerate((503, 302), start=1):
        webhook.status = status
        assert await watched.sender.deliver_due() == 0
        assert webhook.tries == tries
        assert await watched.sender.deliver_due() == 0
        assert webhook.tries == tries, "not before its time"
        clock.ahead_ms += RETRY_MIN_MS * 2**tries
    webhook.status = 200
    # Another process takes over: all that it needs is in the database.
    again = Watched(platform, clock, webhook.url, session)
    await again.watch.look()
    assert await again.sender.deliver_due() == 1
    assert await again.sender.deliver_due() == 0
    (taken,) = webhook.taken
    assert taken["type"] == "spend_alert.reached"
    assert taken["data"] == {
        "alert_id": alert_id,
        "organization_id": who.organization_id,
        "project_id": who.project_id,
        "month": time.strftime("%Y-%m", time.gmtime()),
        "threshold_amount": 10,
        "spent_amount": 12,
        "currency": "USD",
        "notification_channel": CHANNEL,
    }


async def test_what_is_never_taken_is_given_up(
    platform: Platform, clock: ShiftedClock, webhook: Webhook, session: aiohttp.ClientSession
) -> None:
    who = await consumer(platform, await platform.enrolled("us"))
    await alert(platform, who, 1)
    watched = Watched(platform, clock, "https://localhost:1/alerts", session)
    await spend(who, 1)
    await watched.watch.look()
    await watched.sender.deliver_due()
    clock.ahead_ms += KEEP_MS + 1
    await watched.sender.deliver_due()
    clock.ahead_ms += KEEP_MS
    async with platform.running.database.reading(rows_of="*") as connection:
        assert (await connection.exec_driver_sql("SELECT count(*) FROM webhook_delivery")).scalar_one() == 0


async def test_a_configured_control_plane_delivers_by_itself(
    start: Start, tmp_path: Path, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domicile.control_plane.spending.alert_watch.LOOK_EVERY_S", 0.05)
    monkeypatch.setattr("domicile.control_plane.spending.webhooks.LOOK_EVERY_S", 0.05)
    configured = {"webhook_url": webhook.url, "allowed_hosts": ["localhost"], "ca_file": tmp_path / "tls" / "ca.pem"}
    async with AsyncExitStack() as stack:
        platform = await start(settings(tmp_path, spend_alerts=configured), stack)
        who = await consumer(platform, await platform.enrolled("us"))
        await alert(platform, who, 1)
        await spend(who, 1)
        await until(lambda: len(webhook.taken) == 1, within_s=30, what="the webhook has the alert")
        assert "domicile_spend_alerts_reached_total 1.0" in await platform.text("/metrics", key=platform.operator_key)


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"webhook_url": "http://hooks.example/a", "allowed_hosts": ["hooks.example"]}, "over TLS only"),
        ({"webhook_url": "https://hooks.example/a"}, "not one of allowed_hosts"),
        ({"webhook_url": "https://a.hooks.example", "allowed_hosts": ["hooks.example"]}, "not one of allowed_hosts"),
        ({"webhook_url": "https://me:secret@hooks.example", "allowed_hosts": ["hooks.example"]}, "without user"),
    ],
)
def test_a_webhook_is_at_an_allowed_host_over_tls(members: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        SpendAlertSettings.model_validate(members)
