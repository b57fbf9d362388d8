"""The effective configuration: what an operator's file says is run, placed on this machine."""

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
_PLACED_IN_REGION = ("listen", "public_url", "data", "enrollment.token_file")


def region_codes(document: Mapping[str, Any], file: Path) -> list[str]:
    """The regions of the file, in its order. Raises `SettingsError`."""
    regions = document.get("regions")
    if not isinstance(regions, list) or not regions or not all(isinstance(region, dict) for region in regions):
        raise SettingsError(f"{file}: regions: there must be at least one [[regions]] block")
    codes = [str(region.get("code")) for region in regions]
    for code in codes:
        if not is_region_code(code) or code == CONTROL:
            raise SettingsError(
                f"{file}: regions: code = '{code}' cannot be used: a region's code is 2 to 8 lower-case letters and digits, "
                f"a letter first, no reserved word, and not '{CONTROL}', whose folder is the control plane's"
            )
    return codes


def overridden(document: Mapping[str, Any]) -> list[str]:
    """Settings of the file that `up` decides itself, by their names inside the control plane's block or a region's."""
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
    """The document with ports, URLs, folders and key files. `agreement`: None: the file's word, or true.

    What the operator's file names stays where that file says, so those paths become absolute. Those that `up` chooses are
    relative, so that the data folder can be moved as a whole.
    """
    placed: dict[str, Any] = with_absolute_paths(deepcopy(dict(document)), Installation, file.resolve().parent)
    control = placed.get("control")
    if not isinstance(control, dict):
        raise SettingsError(f"{file}: control: there must be a [control] block; it may hold no more than its country")
    _set(control, "listen", _listener(ports[CONTROL]))
    _set(control, "boundary.listen", _listener(boundary_port))
    _set(control, "boundary.url", f"http://{HOST}:{boundary_port}")
    _set(control, "data", CONTROL)
    _set(control, "operator.key_file", _relative(layout.operator_key, layout))
    _set(control, "first_organization.admin_key_file", _relative(layout.admin_key, layout))
    if agreement is not None or not _has(control, "first_organization.agreement"):
        _set(control, "first_organization.agreement", agreement is not False)
    for region in placed["regions"]:
        code = region["code"]
        _set(region, "public_url", f"http://{HOST}:{ports[code]}")
        _set(region, "listen", _listener(ports[code]))
        _set(region, "data", code)
        _set(region, "enrollment.token_file", _relative(layout.enrollment_token(code), layout))
        region["engines"] = _placed_engines(region.get("engines", []), code, layout)
    return placed


def check(placed: dict[str, Any], file: Path, layout: Layout) -> Installation:
    """The checked configuration. Raises `SettingsError`, which names the operator's file and not the one made from it."""
    try:
        return check_installation(placed, layout.configuration)
    except SettingsError as error:
        raise SettingsError(str(error).replace(str(layout.configuration), str(file))) from None


def _placed_engines(engines: Any, code: str, layout: Layout) -> Any:
    """Embedded engines get the socket of the region's one engine process; that of any other stays where the file says."""
    if not isinstance(engines, list) or not all(isinstance(engine, dict) for engine in engines):
        return engines
    socket = _relative(layout.socket(code), layout)
    return [
        _ordered(engine | {"socket": socket}) if engine.get("embedded") is True and "url" not in engine else engine
        for engine in engines
    ]


def _ordered(engine: dict[str, Any]) -> dict[str, Any]:
    """The long table of models last."""
    return {key: value for key, value in engine.items() if key != "models"} | (
        {"models": engine["models"]} if "models" in engine else {}
    )


def _set(block: dict[str, Any], name: str, value: Any) -> None:
    """Sets `boundary.url` in the block `boundary`, which is made where it is absent. Leaves what is no block to validation."""
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
