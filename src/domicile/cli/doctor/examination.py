"""Runs every check, in the order in which a person would look."""

from collections.abc import Iterator
from pathlib import Path

from domicile.cli.doctor.certificates import check_certificates
from domicile.cli.doctor.files import check_control_files, check_region_files
from domicile.cli.doctor.finding import Finding, fail, ok
from domicile.cli.doctor.listeners import check_listeners
from domicile.cli.doctor.processes import check_processes
from domicile.settings.load import SettingsError, load_installation


def examine(file: Path) -> Iterator[Finding]:
    """Yield the findings of all checks. If the configuration does not load, yield only its errors."""
    try:
        installation = load_installation(file)
    except SettingsError as error:
        for line in str(error).splitlines():
            yield fail("configuration", "loads", line, "Correct it: no process starts with this configuration.")
        return
    yield ok("configuration", "loads", f"{file}: {len(installation.regions)} regions")
    for region in installation.regions:
        # Always ok, because a configuration with an engine or a database outside does not load. Shown for auditors.
        where = ", ".join(sorted(region.country_codes))
        store = f"database in {region.database.country}" if region.database.country else "data in its own folder"
        yield ok(region.code, "countries", f"{len(region.engines)} engines and {store}, all inside {where}")
    yield from check_listeners(installation)
    yield from check_certificates(installation)
    yield from check_control_files(installation.control)
    for region in installation.regions:
        yield from check_region_files(region)
    yield from check_processes(installation)
