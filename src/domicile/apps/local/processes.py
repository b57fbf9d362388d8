"""The process table: which processes an installation on one machine consists of."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from domicile.apps.local.child import ProcessPlan
from domicile.apps.local.layout import CONTROL, Layout
from domicile.apps.local.ports import HOST
from domicile.apps.local.readiness import Probe
from domicile.settings.installation import EngineSettings, Installation, RegionSettings

# -P: a file of the current folder must not be imported in the place of a module.
_PYTHON = (sys.executable, "-P", "-m")


@dataclass(frozen=True, slots=True)
class Programs:
    """How each kind of process is started. Each is a program of its own; nothing here imports them."""

    control: tuple[str, ...] = (*_PYTHON, "domicile.apps.control")
    region: tuple[str, ...] = (*_PYTHON, "domicile.apps.region")
    engine: tuple[str, ...] = (*_PYTHON, "domicile.apps.engine")


@dataclass(frozen=True, slots=True)
class ProcessTable:
    """Everything that runs."""

    control: ProcessPlan
    regions: dict[str, ProcessPlan]
    """By code, in the order of the configuration."""
    engines: tuple[ProcessPlan, ...]


def process_table(installation: Installation, layout: Layout, programs: Programs, log_level: str) -> ProcessTable:
    """The table of a configuration."""
    embedded = [(region, engine) for region in installation.regions for engine in region.engines if engine.embedded]
    threads = max(1, (os.cpu_count() or 1) // max(1, len(embedded)))
    served = ("--config", str(layout.configuration), "--follow-parent", "--log-level", log_level)
    control = ProcessPlan(
        name="the control plane",
        command=(*programs.control, *served),
        log=layout.log(CONTROL, "control"),
        ready=Probe(f"http://{HOST}:{installation.control.listen.port}/healthz"),
    )
    regions = {
        region.code: ProcessPlan(
            name=f"region {region.code}",
            command=(*programs.region, *served, "--region", region.code),
            log=layout.log(region.code, "region"),
            ready=Probe(f"http://{HOST}:{region.listen.port}/readyz"),
        )
        for region in installation.regions
    }
    engines = tuple(_engine(region, engine, layout, programs, threads) for region, engine in embedded)
    return ProcessTable(control, regions, engines)


def _engine(
    region: RegionSettings, engine: EngineSettings, layout: Layout, programs: Programs, threads: int
) -> ProcessPlan:
    socket = engine.socket or Path()  # an embedded engine has one: the settings say so
    # A thread that waits for work by spinning takes the processor from the others: on a laptop all share a few.
    environment = {} if "OMP_WAIT_POLICY" in os.environ else {"OMP_WAIT_POLICY": "passive"}
    return ProcessPlan(
        name=f"engine {engine.name} of {region.code}",
        command=(*programs.engine, "--socket", str(socket), "--threads", str(threads), "--follow-parent"),
        log=layout.log(region.code, f"engine-{engine.name}"),
        ready=Probe("http://engine/health", socket),
        environment=environment,
    )
