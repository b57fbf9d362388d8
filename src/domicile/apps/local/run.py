"""Runs `domicile up`: prepares, starts, enrolls, announces, watches and stops."""

import asyncio
import json
import os
import signal
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from domicile.apps.local import laptop
from domicile.apps.local.child import StartError
from domicile.apps.local.display import Display
from domicile.apps.local.layout import CONTROL, Layout, LayoutError
from domicile.apps.local.locking import DataFolderInUseError, exclusive
from domicile.apps.local.operator_api import OperatorApi
from domicile.apps.local.placement import check, overridden, place, region_codes
from domicile.apps.local.ports import HOST, PortError, free_port, public_ports, require_free
from domicile.apps.local.processes import ProcessTable, Programs, process_table
from domicile.apps.local.supervisor import Supervisor
from domicile.apps.local.toml_text import to_toml
from domicile.apps.local.welcome import welcome
from domicile.catalogue.catalogue import load_catalogue
from domicile.process.engine_packages import EnginesNotInstalledError, require_engine_packages
from domicile.settings.installation import Installation
from domicile.settings.load import SettingsError, read_document

_OWN_CONFIGURATION_HEAD = """\
`domicile up` writes this file at each start, from {file}. Change that file: the next start overwrites this one.
`domicile up` chooses the ports, URLs, folders and key files itself."""


# Errors that the user can correct. They are shown in one line, without a traceback.
_USER_ERRORS = (StartError, SettingsError, PortError, LayoutError, DataFolderInUseError, EnginesNotInstalledError)


@dataclass(frozen=True, slots=True)
class Options:
    """The command-line options."""

    data: Path
    port_base: int
    config: Path | None = None
    no_agreement: bool = False
    log_level: str = "info"


async def run(options: Options, programs: Programs, display: Display) -> int:
    """Run everything until SIGTERM, SIGINT or SIGHUP. Returns the exit status."""
    stop = _stop_event()
    try:
        await _work(options, programs, display, stop)
    except _USER_ERRORS as error:
        display.end_steps()
        display.say(str(error))
        return 1
    return 0


async def _work(options: Options, programs: Programs, display: Display, stop: asyncio.Event) -> None:
    layout = Layout(options.data.resolve())
    layout.make([])
    async with AsyncExitStack() as stack:
        processes_lock = await stack.enter_async_context(exclusive(layout.root, display.say))
        layout.endpoints.unlink(missing_ok=True)
        installation = _prepare(options, layout, display)
        table = process_table(installation, layout, programs, options.log_level)
        stack.callback(layout.remove_socket_folder)
        supervisor = Supervisor(display.say, inherited=(processes_lock,))
        # Stop the regions first, so that they can finish and meter their requests; then the processes that they use.
        regions = set(table.regions.values())
        stack.push_async_callback(supervisor.stop, [lambda child: child.plan in regions])
        stack.callback(layout.endpoints.unlink, missing_ok=True)
        stack.callback(display.end_steps)
        await _until_stopped(_start(installation, table, layout, supervisor, display), supervisor, stop)
        if not stop.is_set():
            _announce(installation, layout, display)
            await _until_stopped(_wait(stop), supervisor, stop)
        display.say("stopping")


async def _until_stopped(work: Coroutine[Any, Any, object], supervisor: Supervisor, stop: asyncio.Event) -> None:
    """Wait until the work is done or a stop is requested. Raises the work's error, or `StartError` for a failed child."""
    tasks = [asyncio.create_task(work), asyncio.create_task(supervisor.failure()), asyncio.create_task(_wait(stop))]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set():
            for task in done:
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


def _prepare(options: Options, layout: Layout, display: Display) -> Installation:
    """Check everything and write the effective configuration, before any process starts. Raises `_USER_ERRORS`."""
    file = options.config or layout.configuration
    if options.config is None:
        document, head = laptop.laptop_document(load_catalogue()), laptop.HEAD
    else:
        document, head = read_document(file), _OWN_CONFIGURATION_HEAD.format(file=file.resolve())
    codes = region_codes(document, file)
    if ignored := overridden(document):
        display.say(f"'up' chooses these settings itself and ignores them in {file}: {', '.join(ignored)}")
    ports = public_ports(options.port_base, codes)
    require_free(ports)
    if options.no_agreement and layout.admin_key.exists():
        display.say(
            f"--no-agreement has no effect: the first organization already exists in {layout.root}. "
            "Change its agreement with 'domicile org set'."
        )
    agreement = False if options.no_agreement else None
    placed = place(document, file, layout, ports, free_port(set(ports.values())), agreement=agreement)
    installation = check(placed, file, layout)
    if any(engine.embedded for region in installation.regions for engine in region.engines):
        require_engine_packages()
    layout.make([CONTROL, *codes])
    for region in installation.regions:
        for engine in region.engines:
            if engine.embedded and engine.socket is not None:
                layout.make_socket_folder(engine.socket)
    _replace(layout.configuration, to_toml(placed, head=head, comments=laptop.COMMENTS))
    return installation


async def _start(
    installation: Installation, table: ProcessTable, layout: Layout, supervisor: Supervisor, display: Display
) -> None:
    """Start the processes, enroll the regions, and wait until everything is ready. Raises `StartError`."""
    display.step("starting the control plane and the engines")
    control = supervisor.start(table.control)
    engines = [supervisor.start(plan) for plan in table.engines]
    await supervisor.ready(control)
    async with OperatorApi(f"http://{HOST}:{installation.control.listen.port}", layout.operator_key) as operator:
        enrolled = await operator.enrolled_regions()
        for code in table.regions:
            if code not in enrolled:
                display.step(f"enrolling region {code}")
                _replace(layout.enrollment_token(code), await operator.enrollment_token(code) + "\n")
    display.step("starting the regions")
    regions = [supervisor.start(plan) for plan in table.regions.values()]
    await supervisor.ready(*engines, *regions)
    supervisor.settle()
    for code in table.regions:
        # A region that is ready is enrolled and has used its token.
        layout.enrollment_token(code).unlink(missing_ok=True)


def _announce(installation: Installation, layout: Layout, display: Display) -> None:
    """Write `endpoints.json` for programs, then print the welcome text and the line `ready`."""
    urls = _urls(installation)
    endpoints = {
        "control": {"url": f"http://{HOST}:{installation.control.listen.port}"},
        "regions": {region.code: {"url": urls[region.code]} for region in installation.regions},
        "admin_key_file": str(layout.admin_key),
        "operator_key_file": str(layout.operator_key),
    }
    _replace(layout.endpoints, json.dumps(endpoints, indent=2) + "\n")
    display.end_steps()
    display.result(welcome(installation, layout, urls, show_key=display.is_for_a_person) + "ready\n")


def _urls(installation: Installation) -> Mapping[str, str]:
    """The base URL of each plane, as an SDK expects it."""
    control = {CONTROL: f"http://{HOST}:{installation.control.listen.port}/v1"}
    return control | {region.code: f"{region.public_url}/v1" for region in installation.regions}


def _replace(path: Path, text: str) -> None:
    """Write the file atomically, with mode 0600."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)


def _stop_event() -> asyncio.Event:
    event = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
            continue  # `nohup domicile up` must outlive its terminal
        asyncio.get_running_loop().add_signal_handler(number, event.set)
    return event
