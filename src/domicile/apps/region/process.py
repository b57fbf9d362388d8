"""The processes of a region: what they have in common, and the one that serves its API."""

import argparse
import asyncio
import gc
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import structlog
import uvloop

from domicile.apps.listeners import BoundListener
from domicile.apps.region.composition import Region, compose_region
from domicile.apps.region.enrollment import RegionStartError
from domicile.apps.region.serving import build_server
from domicile.confinement.surroundings import forget_other_routes, move_into
from domicile.data_plane.clock import RegionClock
from domicile.data_plane.engines.credential import EngineKeyError
from domicile.data_plane.identity import IdentityError
from domicile.kernel.clock import Clock, SystemClock
from domicile.process.core_dumps import forbid_core_dumps
from domicile.process.descriptors import raise_descriptor_limit
from domicile.process.engine_packages import EnginesNotInstalledError, require_engine_packages
from domicile.process.lifeline import follow_parent
from domicile.settings.installation import Installation, RegionSettings
from domicile.settings.load import SettingsError, load_installation
from domicile.web.observability.logging import configure_logging
from domicile.web.operator_keys import OperatorKeyFileError
from domicile.web.server.http_server import HttpServer, StopSignals, serving, stop_signals
from domicile.web.server.tls_certificate import CertificateError

log = structlog.get_logger("region")

# Errors that an operator can correct. They are shown in one line, without a traceback.
_OPERATOR_ERRORS = (
    *(SettingsError, CertificateError, EngineKeyError, IdentityError),
    *(OperatorKeyFileError, EnginesNotInstalledError, RegionStartError),
)

_COLLECT_AFTER = 10_000
"""New objects between two garbage collections."""


async def run(
    installation: Installation, code: str, port: int | None = None, *, machine_clock: Clock | None = None
) -> None:
    """Serve the region until SIGTERM or SIGINT. `port`: overrides the configured port, for several replicas."""
    clock = RegionClock(machine_clock or SystemClock())
    settings, stop = installation.region(code), stop_signals()
    prepare(settings, "region")
    async with AsyncExitStack() as stack:
        listener = BoundListener(settings.listen, port)
        stack.callback(listener.close)
        region = await compose_region(installation, settings, clock, stack, runs_batches=settings.batches.in_region)
        server = build_server(settings, listener, region.path.endpoints, region.operator.http)
        await serve([server, region.operator.listen(stack)], region, stop, settings.drain.notice_s)


def prepare(settings: RegionSettings, process: str) -> None:
    """Make the region's folder and move into it, as one of its processes."""
    if any(engine.embedded for engine in settings.engines):
        require_engine_packages()
    settings.data.mkdir(parents=True, exist_ok=True)
    settings.data.chmod(0o700)
    move_into(settings.data, process)


async def serve(servers: Sequence[HttpServer], region: Region, stop: StopSignals, notice_s: float) -> None:
    """Serve until a signal, then stop in order.

    First report not ready for `notice_s` seconds, then accept no new requests, then finish the running ones. The meter stops
    last, so that all requests are metered. A second signal ends the waiting.
    """
    # Exclude the long-lived objects from garbage collection, which otherwise adds to the tail latency. Then collect less often
    # than after Python's 700 new objects: for each request 1 us of processor time instead of 8.
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)
    writing = asyncio.create_task(region.path.meter.run())
    tasks = [asyncio.create_task(work()) for work in region.background]
    async with serving(servers, stop.second):
        log.info("serving")
        stopped = asyncio.create_task(stop.first.wait())
        await asyncio.wait([stopped, writing, *tasks], return_when=asyncio.FIRST_COMPLETED)
        region.path.endpoints.health.stop()
        if stopped.done():
            log.info("draining")
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.second.wait(), notice_s)
    region.path.meter.stop()
    await writing
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            # A background task has failed. Stop, so that the supervisor restarts a complete region.
            raise outcome


def command_line(module: str, description: str) -> argparse.ArgumentParser:
    """The options of every process of a region."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("--config", type=Path, required=True, help="the installation's domicile.toml")
    parser.add_argument("--region", required=True, help="the region's code")
    parser.add_argument("--follow-parent", action="store_true", help="exit when standard input ends")
    parser.add_argument("--log-level", default="info", choices=["debug", "info", "warning", "error"])
    return parser


def start(
    arguments: argparse.Namespace, work: Callable[[Installation], Coroutine[Any, Any, None]], *, command: str
) -> None:
    """Close the process to others, run `work` until it returns, and exit. `command`: named in errors."""
    os.umask(0o077)
    forget_other_routes()
    forbid_core_dumps()
    raise_descriptor_limit()
    configure_logging(arguments.log_level)
    if arguments.follow_parent:
        follow_parent()
    try:
        uvloop.run(work(load_installation(arguments.config)))
    except (*_OPERATOR_ERRORS, ValueError, OSError) as error:
        sys.exit(f"{command}: {error}")


def main() -> None:
    """Read the options, run the region, and exit."""
    parser = command_line("domicile.apps.region", "Serves one region.")
    parser.add_argument("--port", type=int, help="the port of the API; for several replicas of a region on one machine")
    arguments = parser.parse_args()
    start(
        arguments,
        lambda installation: run(installation, arguments.region, arguments.port),
        command="domicile region",
    )
