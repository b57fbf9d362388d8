"""Checks data folders and key files: their owner, their mode, and the free disk space."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from domicile.cli.doctor.finding import Finding, fail, ok, warn
from domicile.settings.installation import ControlSettings, RegionSettings

GIB = 1024**3
ROOM_FAIL_BYTES = GIB // 4
ROOM_WARN_BYTES = 2 * GIB


def check_control_files(control: ControlSettings) -> Iterator[Finding]:
    """Check the control plane's files."""
    folder = control.data
    secrets = [control.operator.key_file, folder / "publisher.key", folder / "root.key"]
    named = (control.first_organization.admin_key_file, control.database.password_file)
    tls = (control.listen.tls.key_file, control.boundary.listen.tls.key_file)
    secrets += [file for file in (*named, *tls) if file is not None]
    yield from _check_plane("control", folder, secrets)


def check_region_files(region: RegionSettings) -> Iterator[Finding]:
    """Check a region's files."""
    secrets = [region.data / "identity.key", region.data / "operator-key"]
    named = (region.enrollment.token_file, region.database.password_file)
    tls = (region.listen.tls.key_file, region.operator.listen.tls.key_file)
    secrets += [file for file in (*named, *tls) if file is not None]
    secrets += [engine.api_key_file for engine in region.engines if engine.api_key_file is not None]
    yield from _check_plane(region.code, region.data, secrets)


def _check_plane(where: str, folder: Path, secrets: list[Path]) -> Iterator[Finding]:
    if not folder.is_dir():
        yield warn(where, "data folder", f"{folder} does not exist", "Start it here once, or run this where it runs.")
        return
    yield _check_private(where, "data folder", folder, 0o700)
    yield _check_room(where, folder)
    for file in dict.fromkeys(secrets):
        # An absent file is created at the next start, or was used up, or is on another machine.
        if file.exists():
            yield _check_private(where, file.name, file, 0o600)


def _check_private(where: str, check: str, path: Path, wanted: int) -> Finding:
    found = path.stat()
    mode = stat.S_IMODE(found.st_mode)
    if found.st_uid != os.geteuid():
        return fail(
            where,
            check,
            f"{path} belongs to user {found.st_uid}; this is user {os.geteuid()}",
            f"chown {os.geteuid()} {path}",
        )
    if mode & 0o077:
        return fail(where, check, f"other users can access {path} ({mode:04o})", f"chmod {wanted:04o} {path}")
    return ok(where, check, f"{path} ({mode:04o})")


def _check_room(where: str, folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    found = f"{free / GIB:.1f} GiB free"
    if free < ROOM_FAIL_BYTES:
        return fail(where, "disk", found, f"Free disk space for {folder}: without it, nothing can be metered or saved.")
    if free < ROOM_WARN_BYTES:
        return warn(where, "disk", found, f"Free disk space for {folder}.")
    return ok(where, "disk", found)
