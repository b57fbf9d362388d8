"""The control plane's process: `python -m domicile.apps.control --config FILE`."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import structlog
import typer
from starlette.routing import Route

import domicile.control_plane
from domicile.apps.databases import open_database
from domicile.apps.listeners import BoundListener
from domicile.boundary.signing import public_key_id
from domicile.catalogue.catalogue import Catalogue, load_catalogue
from domicile.catalogue.tables import CatalogueError
from domicile.confinement.surroundings import move_into
from domicile.control_plane import secret_files
from domicile.control_plane.agreements.service import Agreements
from domicile.control_plane.audit.endpoints import AuditEndpoints
from domicile.control_plane.audit.service import AuditLog
from domicile.control_plane.changes import Changes
from domicile.control_plane.database.transactions import Reader
from domicile.control_plane.first_start import InstallationIdentity, open_installation
from domicile.control_plane.grace import GraceCounter
from domicile.control_plane.http import Endpoints, admin_routes, boundary_routes, health_check
from domicile.control_plane.keys.endpoints import AdminKeyEndpoints, ProjectKeyEndpoints, ServiceAccountEndpoints
from domicile.control_plane.keys.service import AdminKeys, ProjectKeys, ServiceAccounts
from domicile.control_plane.metrics import ControlMetrics
from domicile.control_plane.organizations.endpoints import OrganizationEndpoints
from domicile.control_plane.organizations.service import Organizations
from domicile.control_plane.principals.authentication import Authentication
from domicile.control_plane.principals.head_gates import admin_gate, boundary_gate
from domicile.control_plane.projects.destruction import Destructions
from domicile.control_plane.projects.destruction_endpoints import DestructionEndpoints
from domicile.control_plane.projects.endpoints import ProjectEndpoints
from domicile.control_plane.projects.service import Projects
from domicile.control_plane.publication.publisher import Publisher
from domicile.control_plane.publication.publisher_keys import PublisherKeys
from domicile.control_plane.publisher_key_rotation import (
    RegionsLeftBehindError,
    regions_without,
    rotate_publisher_key,
    rotate_root_key,
)
from domicile.control_plane.regions.endpoints import BoundaryEndpoints, RegionEndpoints
from domicile.control_plane.regions.epochs import Epochs
from domicile.control_plane.regions.service import RegionChangedError, Regions
from domicile.control_plane.retention.endpoints import RetentionEndpoints
from domicile.control_plane.retention.service import RetentionControls
from domicile.control_plane.secret_files import SecretFileError
from domicile.control_plane.usage.endpoints import UsageEndpoints
from domicile.control_plane.usage.service import Usage
from domicile.kernel.clock import Clock, SystemClock
from domicile.persistence.database import Database
from domicile.process.descriptors import (
    CONTROL_LINK_CONNECTIONS,
    connections_of_a_listener,
    raise_descriptor_limit,
)
from domicile.process.lifeline import follow_parent
from domicile.settings.installation import ControlSettings, Installation
from domicile.settings.load import SettingsError, load_installation
from domicile.web.application import Application
from domicile.web.bodies.body_memory import BodyMemory
from domicile.web.observability.http_metrics import HttpMetrics, new_registry
from domicile.web.observability.logging import configure_logging
from domicile.web.operator_keys import OperatorKeyFileError, OperatorKeys
from domicile.web.server.http_server import HttpServer, serving, stop_event
from domicile.web.server.tls_certificate import CertificateError

log = structlog.get_logger("control")

MIGRATIONS = Path(domicile.control_plane.__file__).parent / "database" / "migrations"
DRAIN_S = 2.0
# Of calls that are not answered yet, a half of it at most: a signature covers the body, so who calls is known when it has come.
BOUNDARY_BODY_MEMORY_BYTES = 256 * 1024 * 1024
# A snapshot is renewed every ten seconds, and the poll after it says what the region trusts then.
TAKEN_S = 30
# What an operator can put right: one line, no traceback.
_SAID = (
    *(SettingsError, CertificateError, OperatorKeyFileError, SecretFileError, RegionChangedError, CatalogueError),
    RegionsLeftBehindError,
)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the services are made of."""

    installation: Installation
    identity: InstallationIdentity
    database: Database
    reader: Reader
    changes: Changes
    clock: Clock
    models: frozenset[str]
    """The names of the catalogue's snapshots."""


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


@contextlib.asynccontextmanager
async def control_plane(
    installation: Installation, *, clock: Clock, catalogue: Catalogue, monotonic: Callable[[], float] = time.monotonic
) -> AsyncIterator[ControlPlane]:
    """Serves both listeners while the block runs. `monotonic`: seconds, by which the grace of destructions is counted."""
    settings = installation.control
    secret_files.make_folder(settings.data)
    operator_keys = OperatorKeys(settings.operator.key_file)
    registry = new_registry()
    observer = HttpMetrics(registry)
    database = await open_database(settings.database, settings.data / "control.db", MIGRATIONS)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        await _require_row_security(database)
        identity = await open_installation(
            database,
            clock,
            with_agreement=settings.first_organization.agreement,
            hand_over=lambda secret: _hand_over(settings, secret),
        )
        directory = {region.code: region.public_host for region in installation.regions}
        publisher = Publisher(
            database,
            clock,
            installation_id=identity.installation_id,
            keys=PublisherKeys(settings.data, identity.installation_id, clock.now_ms()),
            directory=directory,
            catalogue_version=catalogue.version,
        )
        parts = _Parts(
            installation,
            identity,
            database,
            Reader(database),
            Changes(database, publisher, clock),
            clock,
            frozenset(entry.name for entry in catalogue.entries.values()),
        )
        regions = Regions(parts.reader, parts.changes, publisher, installation, identity.installation_id)
        await regions.compare_configuration()
        await publisher.open()
        endpoints = _endpoints(parts, regions, publisher)
        authentication = Authentication(
            parts.reader, clock, installation_id=identity.installation_id, operator_keys=operator_keys
        )
        metrics = ControlMetrics(registry, regions)
        grace = GraceCounter(database, monotonic)
        routes = admin_routes(authentication, endpoints, health_check(parts.reader), metrics.show)
        admin = Application(routes, observer=observer)
        bodies = BodyMemory(BOUNDARY_BODY_MEMORY_BYTES)
        boundary = Application(boundary_routes(authentication, endpoints), observer=observer, body_memory=bodies)
        admin_listener, boundary_listener = BoundListener(settings.listen), BoundListener(settings.boundary.listen)
        common = {"drain_s": DRAIN_S, "on_refusal": observer.refused}
        admin_server = admin_listener.serve(
            admin,
            head_gate=admin_gate(authentication, directory),
            max_connections=connections_of_a_listener(),
            **common,
        )
        boundary_server = boundary_listener.serve(
            boundary,
            head_gate=boundary_gate(authentication, directory),
            max_connections=CONTROL_LINK_CONNECTIONS,
            **common,
        )
        async with _serving((admin_server, boundary_server), publisher, grace):
            admin_url, boundary_url = admin_listener.url, boundary_listener.url
            log.info("started", installation=identity.installation_id, admin=admin_url, boundary=boundary_url)
            yield ControlPlane(admin_url, boundary_url, routes, identity, publisher, database, grace)


async def _require_row_security(database: Database) -> None:
    """Keeping organizations apart is never left to the code alone where the database could see to it as well."""
    if await database.row_security_is_escaped():
        raise SettingsError(
            "the role of url in [control.database] is a superuser or has BYPASSRLS, so PostgreSQL would not keep organizations "
            "apart: give the control plane a role of its own that has neither (docs/databases.md)"
        )


async def serve(installation: Installation) -> None:
    """Until SIGTERM or SIGINT."""
    stop = stop_event()
    catalogue = load_catalogue(installation.catalogue_file)
    async with control_plane(installation, clock=SystemClock(), catalogue=catalogue):
        await stop.wait()


async def rotate_key(installation: Installation, root_key_file: Path) -> None:
    """Replaces the key that signs snapshots. A control plane that runs takes it over with its next publication."""
    async with _database_of(installation.control) as database:
        made = await rotate_publisher_key(database, SystemClock(), installation.control.data, root_key_file)
    sys.stdout.write(f"publisher key  {made.key_id}\nserial         {made.serial}\n")


async def rotate_root(installation: Installation, root_key_file: Path, new_file: Path, leave_behind: list[str]) -> None:
    """Replaces the root key, and says which regions have taken the new one. A region in contact needs some ten seconds."""
    settings = installation.control
    async with _database_of(settings) as database:
        made = await rotate_root_key(database, SystemClock(), settings.data, root_key_file, new_file, leave_behind)
        key_id = public_key_id(made.public_key)
        sys.stdout.write(f"root key     {key_id}\nserial       {made.serial}\n")
        sys.stdout.flush()
        behind = await regions_without(database, key_id)
        for _ in range(TAKEN_S):
            if behind:
                # It is another process that writes what is waited for.
                await asyncio.sleep(1)
                behind = await regions_without(database, key_id)
    sys.stdout.write(f"not yet by   {', '.join(behind) or '-'}\n")
    if behind:
        sys.stderr.write(
            "Keep the old root key until 'domicile regions list' says that every region has the current one: "
            "they take it with their next snapshot.\n"
        )


@contextlib.asynccontextmanager
async def _database_of(settings: ControlSettings) -> AsyncIterator[Database]:
    database = await open_database(settings.database, settings.data / "control.db", MIGRATIONS)
    try:
        yield database
    finally:
        await database.close()


def main(
    config: Annotated[Path, typer.Option(help="The installation's domicile.toml.")],
    rotate: Annotated[
        Path | None, typer.Option("--rotate-key", help="Replace the publisher's key, with the root key in this file.")
    ] = None,
    root: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            "--rotate-root", help="Replace the root key in the first file by that in, or made in, the second."
        ),
    ] = None,
    leave_behind: Annotated[list[str] | None, typer.Option(help="A region that may stay behind.")] = None,
    follow: Annotated[bool, typer.Option("--follow-parent", help="Stop when standard input ends.")] = False,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Run the control plane."""
    configure_logging(log_level)
    raise_descriptor_limit()
    if follow:
        follow_parent()
    try:
        installation = load_installation(config)
        secret_files.make_folder(installation.control.data)
        move_into(installation.control.data, "control")
        if rotate is not None:
            asyncio.run(rotate_key(installation, rotate))
        elif root is not None:
            asyncio.run(rotate_root(installation, *root, leave_behind or []))
        else:
            asyncio.run(serve(installation))
    except (*_SAID, OSError) as error:
        sys.stderr.write(f"domicile control: {error}\n")
        raise typer.Exit(1) from None


def _endpoints(parts: _Parts, regions: Regions, publisher: Publisher) -> Endpoints:
    reader, changes, installation_id = parts.reader, parts.changes, parts.identity.installation_id
    project_keys = ProjectKeys(reader, changes)
    organizations = Organizations(reader, changes, installation_id, parts.identity.first_organization_id)
    return Endpoints(
        organizations=OrganizationEndpoints(organizations, Agreements(changes)),
        projects=ProjectEndpoints(Projects(reader, changes, parts.installation)),
        destruction=DestructionEndpoints(Destructions(reader, changes), parts.clock),
        retention=RetentionEndpoints(RetentionControls(reader, changes, parts.installation)),
        accounts=ServiceAccountEndpoints(ServiceAccounts(reader, changes, installation_id), project_keys),
        project_keys=ProjectKeyEndpoints(project_keys),
        admin_keys=AdminKeyEndpoints(AdminKeys(reader, changes, installation_id)),
        regions=RegionEndpoints(regions, Epochs(changes, publisher)),
        boundary=BoundaryEndpoints(regions),
        usage=UsageEndpoints(Usage(reader, parts.database, parts.clock, parts.models), parts.clock),
        audit=AuditEndpoints(AuditLog(reader, parts.database, parts.clock)),
    )


@contextlib.asynccontextmanager
async def _serving(servers: Sequence[HttpServer], publisher: Publisher, grace: GraceCounter) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        group.create_task(publisher.run())
        counting = group.create_task(grace.run())
        async with serving(servers):
            try:
                yield
            finally:
                # Polls would otherwise keep the listeners draining until their time is over.
                publisher.close()
                counting.cancel()


def _hand_over(settings: ControlSettings, secret: str) -> None:
    if settings.first_organization.admin_key_file is not None:
        secret_files.write_secret(settings.first_organization.admin_key_file, f"{secret}\n".encode())
        return
    sys.stdout.write(f"The first admin key, shown this once: {secret}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    typer.run(main)
