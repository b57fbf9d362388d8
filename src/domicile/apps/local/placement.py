"""Makes the effective configuration: the operator's file, with ports, URLs and folders on this machine."""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from domicile.apps.local.layout import CONTROL, Layout
from domicile.apps.local.ports import HOST
from domicile.kernel.ids import is_region_code
from domicile.settings.installation import Installation
from domicile.settings.load import SettingsError, check_installation
from domicile.settings.paths import with_absolute_paths

_PLACED_IN_CONTROL = (
    *("listen", "boundary.listen", "boundary.url", "data"),
    *("operator.key_file", "first_organization.admin_key_file"),
)
_PLACED_IN_REGION = ("listen", "public_url", "data", "enrollment.token_file", "batches.in_region")


def region_codes(document: Mapping[str, Any], file: Path) -> list[str]:
    """The codes of the file's regions, in its order. Raises `SettingsError` for an unusable code."""
    regions = document.get("regions")
    if not isinstance(regions, list) or not regions or not all(isinstance(region, dict) for region in regions):
        raise SettingsError(f"{file}: regions: there must be at least one [[regions]] block")
    codes = [str(region.get("code")) for region in regions]
    for code in codes:
        if not is_region_code(code) or code == CONTROL:
            raise SettingsError(
                f"{file}: regions: code = '{code}' cannot be used: a region's code has 2 to 8 lower-case letters and digits, "
                f"starts with a letter, and is not a reserved word or '{CONTROL}', the control plane's folder"
            )
    return codes


def overridden(document: Mapping[str, Any]) -> list[str]:
    """The names of the file's settings that `up` replaces, relative to the block of the control plane or a region."""
    found = {name for name in _PLACED_IN_CONTROL if _has(document.get("control"), name)}
    for region in document["regions"]:
        found |= {name for name in _PLACED_IN_REGION if _has(region, name)}
    return sorted(found)


def place(
    document: Mapping[str, Any],
    file: Path,
    layout: Layout,
    ports: Mapping[str, int],
    boundary_port: int,
    *,
    agreement: bool | None,
) -> dict[str, Any]:
    """The document with ports, URLs, folders and key files. Raises `SettingsError` without a [control] block.

    `agreement`: whether the first organization has an agreement; None takes the file's value, or true without one. Paths from
    the operator's file become absolute. Paths that `up` chooses stay relative, so the data folder can be moved.
    """
    placed: dict[str, Any] = with_absolute_paths(deepcopy(dict(document)), Installation, file.resolve().parent)
    control = placed.get("control")
    if not isinstance(control, dict):
        raise SettingsError(f"{file}: control: there must be a [control] block, with at least its country")
    _set(control, "listen", _listener(ports[CONTROL]))
    _set(control, "boundary.listen", _listener(boundary_port))
    _set(control, "boundary.url", f"http://{HOST}:{boundary_port}")
    _set(control, "data", CONTROL)
    _set(control, "operator.key_file", _relative(layout.operator_key, layout))
    _set(control, "first_organization.admin_key_file", _relative(layout.admin_key, layout))
    if agreement is not None or not _has(control, "first_organization.agreement"):
        _set(control, "first_organization.agreement", agreement is not False)
    for region in placed["regions"]:
        _place_region(region, layout, ports[region["code"]])
    return placed


def _place_region(region: dict[str, Any], layout: Layout, port: int) -> None:
    code = region["code"]
    _set(region, "public_url", f"http://{HOST}:{port}")
    _set(region, "listen", _listener(port))
    _set(region, "data", code)
    _set(region, "enrollment.token_file", _relative(layout.enrollment_token(code), layout))
    if _has(region, "batches.in_region"):
        # `up` starts no workers apart.
        _set(region, "batches.in_region", value=True)
    region["engines"] = _placed_engines(region.get("engines", []), code, layout)


def check(placed: dict[str, Any], file: Path, layout: Layout) -> Installation:
    """Check the placed configuration. Raises `SettingsError`, which names the operator's file, not the effective one."""
    try:
        return check_installation(placed, layout.configuration)
    except SettingsError as error:
        raise SettingsError(str(error).replace(str(layout.configuration), str(file))) from None


def _placed_engines(engines: Any, code: str, layout: Layout) -> Any:
    """Give the embedded engines the socket of the region's engine process. Other engines keep their address."""
    if not isinstance(engines, list) or not all(isinstance(engine, dict) for engine in engines):
        return engines
    socket = _relative(layout.socket(code), layout)
    return [
        _ordered(engine | {"socket": socket}) if engine.get("embedded") is True and "url" not in engine else engine
        for engine in engines
    ]


def _ordered(engine: dict[str, Any]) -> dict[str, Any]:
    """The engine's block with the long table `models` last."""
    return {key: value for key, value in engine.items() if key != "models"} | (
        {"models": engine["models"]} if "models" in engine else {}
    )


def _set(block: dict[str, Any], name: str, value: Any) -> None:
    """Set a dotted name such as `boundary.url`, and make absent inner blocks.

    Does nothing if an inner value is not a block; validation refuses it later.
    """
    *inner, last = name.split(".")
    for part in inner:
        block = block.setdefault(part, {})
        if not isinstance(block, dict):
            return
    block[last] = value


def _has(block: Any, name: str) -> bool:
    for part in name.split("."):
        if not isinstance(block, dict) or part not in block:
            return False
        block = block[part]
    return True


def _listener(port: int) -> dict[str, Any]:
    return {"host": HOST, "port": port}


def _relative(path: Path, layout: Layout) -> str:
    return str(path.relative_to(layout.root) if path.is_relative_to(layout.root) else path)
