"""Composition root of a region: one process, one region."""

import argparse
import asyncio
import gc
import os
import sys
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import structlog
import uvloop

from domicile.apps.databases import open_database
from domicile.apps.listeners import BoundListener
from domicile.apps.region_operator import RegionOperator, Shown
from domicile.boundary.audit import RegionEventType
from domicile.boundary.enrollment import EnrollmentRequest, EnrollmentToken, decode_token
from domicile.boundary.signing import public_key_bytes
from domicile.catalogue.catalogue import load_catalogue
from domicile.confinement.surroundings import environment_of_child, move_into
from domicile.data_plane.blocks import Blocks
from domicile.data_plane.clock import RegionClock
from domicile.data_plane.control_link import ControlLink, ControlRefusedError, ControlUnreachableError
from domicile.data_plane.destruction import Destruction
from domicile.data_plane.egress import EgressPolicy
from domicile.data_plane.engines.credential import EngineKeyError
from domicile.data_plane.engines.fetch import ImageFetcher
from domicile.data_plane.engines.probe import EngineProbe
from domicile.data_plane.engines.queue import queued
from domicile.data_plane.engines.upstream import Upstream
from domicile.data_plane.engines.vendors.choice import vendor_of
from domicile.data_plane.http.app import RegionEndpoints, build_application, refusal_headers
from domicile.data_plane.http.auth import Authenticator
from domicile.data_plane.http.front import head_gate
from domicile.data_plane.http.health import Health
from domicile.data_plane.http.models import Models
from domicile.data_plane.identity import Enrollment, Identity, IdentityError, IdentityRepository, load_or_make_key
from domicile.data_plane.inference.assembly import assembled
from domicile.data_plane.inference.images import RoomForLinks
from domicile.data_plane.inference.remote_images import FetchedImages
from domicile.data_plane.inference.story import Inference
from domicile.data_plane.inspection.inspector import Inspector
from domicile.data_plane.limits.reservation import Unlimited
from domicile.data_plane.metering.meter import Meter
from domicile.data_plane.metering.repository import MeteringRepository
from domicile.data_plane.metering.sender import OutboxSender
from domicile.data_plane.policy.residency import ResidencyPolicy
from domicile.data_plane.routing import Router
from domicile.data_plane.snapshot.repository import SnapshotRepository
from domicile.data_plane.snapshot.subscription import SnapshotSubscription
from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.data_plane.storage.image_links import ImageLinks
from domicile.kernel.clock import Clock, SystemClock
from domicile.kernel.geography import country_set
from domicile.kernel.ids import new_id
from domicile.persistence.database import Database
from domicile.process.core_dumps import forbid_core_dumps
from domicile.process.descriptors import connections_of_a_listener, raise_descriptor_limit
from domicile.process.lifeline import follow_parent
from domicile.settings.installation import Installation, RegionSettings
from domicile.settings.load import SettingsError, load_installation
from domicile.web.bodies.body_memory import BodyMemory
from domicile.web.observability.logging import configure_logging
from domicile.web.operator_keys import OperatorKeyFileError
from domicile.web.server.http_server import HttpServer, StopSignals, serving, stop_signals
from domicile.web.server.tls_certificate import CertificateError

log = structlog.get_logger("region")

_MIGRATIONS = Path(__file__).parent.parent / "data_plane" / "migrations"
ENROLLMENT_RETRY_S = 0.5


class StartError(Exception):
    """This region cannot start. The text says why and what to do."""


# What an operator can put right: one line, no traceback.
_SAID = (SettingsError, CertificateError, EngineKeyError, IdentityError, OperatorKeyFileError, StartError)


async def run(
    installation: Installation, code: str, port: int | None = None, *, machine_clock: Clock | None = None
) -> None:
    """Serves the region until SIGTERM or SIGINT. `port`: another one than the configured, for one of several replicas."""
    clock = RegionClock(machine_clock or SystemClock())
    settings, stop = installation.region(code), stop_signals()
    settings.data.mkdir(parents=True, exist_ok=True)
    settings.data.chmod(0o700)
    move_into(settings.data, "region")
    async with AsyncExitStack() as stack:
        listener = BoundListener(settings.listen, port)
        stack.callback(listener.close)
        region = await _Region.compose(installation, settings, clock, stack)
        server = listener.serve(
            build_application(
                region.endpoints, region.operator.http, BodyMemory(settings.limits.body_memory_mib * 1024 * 1024)
            ),
            head_gate=head_gate(region.endpoints.authenticator),
            drain_s=settings.drain.timeout_s,
            on_refusal=region.operator.http.refused,
            refusal_headers=refusal_headers(settings.code),
            max_connections=connections_of_a_listener(),
        )
        await _serve([server, region.operator.listen(stack)], region, stop, settings.drain.notice_s)


@dataclass(frozen=True, slots=True)
class _Region:
    """The parts of a running region that have a life of their own."""

    endpoints: RegionEndpoints
    operator: RegionOperator
    meter: Meter
    background: tuple[Coroutine[Any, Any, None], ...]

    @classmethod
    async def compose(
        cls, installation: Installation, settings: RegionSettings, clock: RegionClock, stack: AsyncExitStack
    ) -> "_Region":
        """Everything from the configuration, in the order in which a part needs the others."""
        snapshots, replica = CurrentSnapshot(), new_id("rep_")
        operator = RegionOperator(settings)
        egress = EgressPolicy(country_set(settings.countries))
        region_database = await _open_database(settings, "region", egress, stack)
        metering_database = await _open_database(settings, "metering", egress, stack)
        metering = MeteringRepository(metering_database)
        identity, enrollment = await _identify(installation, settings, region_database, clock)
        link = _open_link(installation, identity, replica, clock, stack)
        meter = await _open_meter(settings, metering, snapshots, clock, operator)
        blocks = Blocks(region_database, clock)
        authenticator = Authenticator(settings.code, enrollment.installation_id, snapshots, clock, blocks)
        image_links = ImageLinks(region_database, clock, base_url=settings.base_url, is_live=authenticator.serves)
        report = partial(meter.event_on_disk, RegionEventType.PROJECT_DESTROYED)
        # Whatever of a project's content rests in a region has its destroyer here.
        destruction = Destruction(region_database, clock, (image_links.destroy,), report)
        subscription = SnapshotSubscription(
            link,
            SnapshotRepository(region_database),
            snapshots,
            region=settings.code,
            enrollment=enrollment,
            clock=clock,
            on_event=meter.event,
            on_snapshot=destruction.notice,
        )
        await blocks.load()
        await subscription.restore()
        upstreams = _open_upstreams(settings, egress, stack)
        router = Router(settings.engines)
        policy = ResidencyPolicy.for_region(settings, load_catalogue(installation.catalogue_file))
        inference = assembled(
            Inference(
                policy=policy,
                limits=Unlimited(),
                router=router,
                engines=queued(settings.engines, upstreams, router),
                meter=meter,
                clock=clock,
                salted_engines=settings.salted_engines,
            ),
            policy=policy,
            router=router,
            inspector=_open_inspector(settings, stack),
            preparations=(RoomForLinks(image_links), FetchedImages(ImageFetcher(settings.fetch_hosts, egress))),
        )
        endpoints = RegionEndpoints(
            authenticator=authenticator,
            health=Health(snapshots, router),
            models=Models(policy, router),
            inference=inference,
            image_links=image_links,
            region=settings.code,
        )
        operator.show(Shown(replica, snapshots, router, meter, metering_database, clock, blocks))
        sender = OutboxSender(metering, link, meter)
        background = (
            subscription.run(),
            subscription.watch_root_key(),
            sender.run(),
            EngineProbe(upstreams, router).run(),
            blocks.run(),
            destruction.run(),
            image_links.run(),
        )
        return cls(endpoints, operator, meter, background)


async def _open_database(settings: RegionSettings, name: str, egress: EgressPolicy, stack: AsyncExitStack) -> Database:
    """Two files on SQLite; on a server both schemas lie in the one database that is configured."""
    url, country = settings.database.url, settings.database.country
    destination = None if url is None or country is None else egress.database(url, country)
    file = settings.data / f"{name}.db"
    database = await open_database(settings.database, file, _MIGRATIONS / name, destination=destination)
    stack.push_async_callback(database.close)
    return database


async def _open_meter(
    settings: RegionSettings,
    metering: MeteringRepository,
    snapshots: CurrentSnapshot,
    clock: RegionClock,
    operator: RegionOperator,
) -> Meter:
    meter = Meter(
        metering,
        snapshots,
        region=settings.code,
        writer=new_id("wr_"),
        clock=clock,
        durable=settings.usage.durable,
        report_every_s=settings.usage.report_every_s,
        observer=operator.work,
    )
    await meter.start()
    return meter


def _open_upstreams(settings: RegionSettings, egress: EgressPolicy, stack: AsyncExitStack) -> list[Upstream]:
    upstreams = [Upstream(engine, egress, vendor_of(engine)) for engine in settings.engines]
    for upstream in upstreams:
        stack.push_async_callback(upstream.close)
    return upstreams


def _open_inspector(settings: RegionSettings, stack: AsyncExitStack) -> Inspector:
    """-P: a file of the current folder must not be imported in the place of a module."""
    command = (sys.executable, "-P", "-m", "domicile.apps.inspector", "--data", str(settings.data))
    inspector = Inspector(command, environment_of_child())
    stack.push_async_callback(inspector.close)
    return inspector


def _open_link(
    installation: Installation, identity: Identity, replica: str, clock: RegionClock, stack: AsyncExitStack
) -> ControlLink:
    """It finds out by itself how the control plane's clock differs: without that no snapshot would come to tell the region."""
    control, ca_file = installation.control, installation.control.boundary.ca_file
    try:
        link = ControlLink(control.boundary.url, control.country, identity, replica, clock.machine, ca_file=ca_file)
    except OSError:
        raise StartError(f"{ca_file} cannot be read as certificates in PEM") from None
    stack.push_async_callback(link.close)
    return link


async def _identify(
    installation: Installation, settings: RegionSettings, database: Database, clock: RegionClock
) -> tuple[Identity, Enrollment]:
    """What this region is, and which control plane it trusts: enrolled now if it never was."""
    repository = IdentityRepository(database)
    identity = await repository.open(settings, load_or_make_key(settings.data / "identity.key"))
    if identity.enrollment is not None:
        return identity, identity.enrollment
    token = _read_token(settings)
    request = EnrollmentRequest(
        settings.code,
        token.secret,
        public_key_bytes(identity.key),
        settings.residency,
        tuple(sorted(settings.country_codes)),
    )
    async with AsyncExitStack() as stack:
        await _show_token(_open_link(installation, identity, new_id("rep_"), clock, stack), request)
    return identity, await repository.record_enrollment(token, clock.now_ms())


def _read_token(settings: RegionSettings) -> EnrollmentToken:
    file = settings.enrollment.token_file
    try:
        token = decode_token("" if file is None else file.read_text("ascii").strip())
    except (OSError, ValueError):
        raise StartError(
            f"region '{settings.code}' is not enrolled yet: run 'domicile regions enroll {settings.code}' and put the "
            f"token into the file that token_file in its block [regions.enrollment] names"
        ) from None
    if token.region != settings.code:
        raise StartError(f"the enrollment token is for region '{token.region}', this is '{settings.code}'")
    return token


async def _show_token(link: ControlLink, request: EnrollmentRequest) -> None:
    """Enrolls. Waits for a control plane that is not up yet; a refusal is final."""
    while True:
        try:
            await link.enroll(request)
            return
        except ControlUnreachableError:
            log.warning("control_unreachable")
            await asyncio.sleep(ENROLLMENT_RETRY_S)
        except ControlRefusedError as error:
            raise StartError(f"the control plane refused to enroll region '{request.region}': {error.code}") from None


async def _serve(servers: list[HttpServer], region: _Region, stop: StopSignals, notice_s: float) -> None:
    """Until a signal: then not ready, then no new requests, those in flight to their end, and the meter last, so that all
    are counted. A second signal cuts short what takes time of that."""
    # What lives as long as the process need not be looked at by every collection: that is what tail latency is made of.
    gc.freeze()
    writing = asyncio.create_task(region.meter.run())
    tasks = [asyncio.create_task(work) for work in region.background]
    async with serving(servers, stop.second):
        log.info("serving")
        stopped = asyncio.create_task(stop.first.wait())
        await asyncio.wait([stopped, writing, *tasks], return_when=asyncio.FIRST_COMPLETED)
        region.endpoints.health.stop()
        if stopped.done():
            log.info("draining")
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.second.wait(), notice_s)
    region.meter.stop()
    await writing
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            # A loop that must live as long as the process has ended: stop, and be restarted, rather than half work.
            raise outcome


def main() -> None:
    """The process's entry point."""
    parser = argparse.ArgumentParser(prog="python -m domicile.apps.region", description="Serves one region.")
    parser.add_argument("--config", type=Path, required=True, help="the installation's domicile.toml")
    parser.add_argument("--region", required=True, help="the code of the region to serve")
    parser.add_argument("--port", type=int, help="listen here: for several replicas of a region on one machine")
    parser.add_argument("--follow-parent", action="store_true", help="exit when standard input ends")
    parser.add_argument("--log-level", default="info", choices=["debug", "info", "warning", "error"])
    arguments = parser.parse_args()
    os.umask(0o077)
    forbid_core_dumps()
    raise_descriptor_limit()
    configure_logging(arguments.log_level)
    if arguments.follow_parent:
        follow_parent()
    try:
        uvloop.run(run(load_installation(arguments.config), arguments.region, arguments.port))
    except (*_SAID, ValueError, OSError) as error:
        sys.exit(f"domicile region: {error}")


if __name__ == "__main__":
    main()
