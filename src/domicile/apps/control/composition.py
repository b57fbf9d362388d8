"""Composes the configured control plane from its builders, and serves it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import structlog
from starlette.routing import Route

from domicile.apps.control.services import build_endpoints, build_foundation, open_regions
from domicile.apps.control.serving import build_listeners
from domicile.apps.control.spending import open_spending
from domicile.apps.control.storage import storage
from domicile.catalogue.catalogue import Catalogue
from domicile.control_plane import secret_files
from domicile.control_plane.first_start import InstallationIdentity
from domicile.control_plane.grace import GraceCounter
from domicile.control_plane.keys.last_used import AdminKeyUses
from domicile.control_plane.publication.publisher import Publisher
from domicile.kernel.clock import Clock
from domicile.persistence.database import Database
from domicile.settings.installation import Installation
from domicile.web.observability.http_metrics import new_registry
from domicile.web.operator_keys import OperatorKeys
from domicile.web.server.http_server import HttpServer, serving

log = structlog.get_logger("control")


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """A running control plane."""

    admin_url: str
    boundary_url: str
    admin_routes: Sequence[Route]
    identity: InstallationIdentity
    publisher: Publisher
    database: Database
    grace: GraceCounter
    admin_key_uses: AdminKeyUses


@contextlib.asynccontextmanager
async def control_plane(
    installation: Installation, *, clock: Clock, catalogue: Catalogue, monotonic: Callable[[], float] = time.monotonic
) -> AsyncIterator[ControlPlane]:
    """Serve both listeners for the duration of the context.

    `monotonic`: a clock in seconds, which counts the grace period of destructions. Raises like the builders.
    """
    settings = installation.control
    secret_files.make_folder(settings.data)
    operator_keys = OperatorKeys(settings.operator.key_file)
    async with AsyncExitStack() as stack, storage(settings) as database:
        base = await build_foundation(installation, database, catalogue, clock)
        regions = await open_regions(base)
        await base.publisher.open()
        registry = new_registry()
        uses = AdminKeyUses(database, clock)
        endpoints = build_endpoints(base, regions)
        listeners = build_listeners(base, endpoints, regions, operator_keys, uses.used, registry)
        grace = GraceCounter(database, monotonic)
        spending = await open_spending(base, registry, stack)
        jobs = (grace.run(), uses.run(), *(task() for task in spending))
        async with _serving(listeners.servers, base.publisher, jobs):
            log.info(
                "started",
                installation=base.identity.installation_id,
                admin=listeners.admin_url,
                boundary=listeners.boundary_url,
            )
            yield ControlPlane(
                admin_url=listeners.admin_url,
                boundary_url=listeners.boundary_url,
                admin_routes=listeners.admin_routes,
                identity=base.identity,
                publisher=base.publisher,
                database=database,
                grace=grace,
                admin_key_uses=uses,
            )


@contextlib.asynccontextmanager
async def _serving(
    servers: Sequence[HttpServer], publisher: Publisher, jobs: Iterable[Coroutine[Any, Any, None]]
) -> AsyncIterator[None]:
    """`jobs`: run until the end, and are cancelled then."""
    async with asyncio.TaskGroup() as group:
        group.create_task(publisher.run())
        running = [group.create_task(job) for job in jobs]
        async with serving(servers):
            try:
                yield
            finally:
                # Otherwise open polls would keep the listeners draining until the drain timeout.
                publisher.close()
                for job in running:
                    job.cancel()
