"""Builds what works on spending in the background: the watch of alerts, and the sender to the operator's webhook."""

import ssl
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
from prometheus_client import CollectorRegistry

from domicile.apps.control.services import ControlFoundation
from domicile.control_plane.spending.alert_watch import AlertWatch
from domicile.control_plane.spending.webhooks import TIMEOUT_S, WebhookSender
from domicile.settings.spend_alerts import SpendAlertSettings

Task = Callable[[], Coroutine[Any, Any, None]]


async def open_spending(base: ControlFoundation, registry: CollectorRegistry, stack: AsyncExitStack) -> list[Task]:
    """The tasks that run as long as the process. `stack` closes the connections to the webhook."""
    settings = base.installation.control.spend_alerts
    url = settings.webhook_url
    watch = AlertWatch(base.reader, base.changes, base.clock, registry, has_webhook=url is not None)
    if url is None:
        return [watch.run]
    session = await stack.enter_async_context(_session(settings))
    return [watch.run, WebhookSender(base.reader, base.database, base.clock, session, url).run]


def _session(settings: SpendAlertSettings) -> aiohttp.ClientSession:
    trusted = True if settings.ca_file is None else ssl.create_default_context(cafile=settings.ca_file)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=2, ssl=trusted),
        timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
        trust_env=False,
        cookie_jar=aiohttp.DummyCookieJar(),
    )
