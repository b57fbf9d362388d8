"""The process table: the processes of an installation on one machine."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from domicile.apps.local.child import ProcessPlan
from domicile.apps.local.layout import CONTROL, Layout
from domicile.apps.local.ports import HOST
from domicile.apps.local.readiness import Probe
from domicile.settings.engines import EngineSettings
from domicile.settings.installation import Installation

# -P: Python must not import a file of the current folder instead of a module.
_PYTHON = (sys.executable, "-P", "-m")


@dataclass(frozen=True, slots=True)
class Programs:
    """The command of each kind of process. They are separate programs, which this package does not import."""

    control: tuple[str, ...] = (*_PYTHON, "domicile.apps.control")
    region: tuple[str, ...] = (*_PYTHON, "domicile.apps.region")
    engine: tuple[str, ...] = (*_PYTHON, "domicile_engines")


@dataclass(frozen=True, slots=True)
class ProcessTable:
    """The plans of all processes."""

    control: ProcessPlan
    regions: dict[str, ProcessPlan]
    """By code, in the order of the configuration."""
    engines: tuple[ProcessPlan, ...]


def process_table(installation: Installation, layout: Layout, programs: Programs, log_level: str) -> ProcessTable:
    """Make the process table of a configuration."""
    embedded = _embedded_engines(installation)
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
    engines = tuple(
        _engine(code, socket, engines, layout, programs, threads) for (code, socket), engines in embedded.items()
    )
    return ProcessTable(control, regions, engines)


def _embedded_engines(installation: Installation) -> dict[tuple[str, Path], list[EngineSettings]]:
    """The embedded engines by region and socket. Engines with the same socket share one process."""
    processes: dict[tuple[str, Path], list[EngineSettings]] = {}
    for region in installation.regions:
        for engine in region.engines:
            if engine.embedded and engine.socket is not None:
                processes.setdefault((region.code, engine.socket), []).append(engine)
    return processes


def _engine(
    code: str, socket: Path, engines: list[EngineSettings], layout: Layout, programs: Programs, threads: int
) -> ProcessPlan:
    vision = [
        option
        for engine in engines
        if engine.vision_model is not None
        for option in ("--vision-model", str(engine.vision_model), "--vision-mmproj", str(engine.vision_mmproj))
    ]
    served = ("--socket", str(socket), "--data", str(layout.plane(code)))
    # Spinning threads would take CPU time from the other processes, which share a laptop's few cores.
    environment = {} if "OMP_WAIT_POLICY" in os.environ else {"OMP_WAIT_POLICY": "passive"}
    return ProcessPlan(
        name=f"the engine of region {code}",
        command=(*programs.engine, *served, "--threads", str(threads), *vision, "--follow-parent"),
        log=layout.log(code, "engine"),
        ready=Probe("http://engine/health", socket),
        environment=environment,
    )
