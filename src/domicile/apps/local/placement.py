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

PLACED_IN_CONTROL = frozenset(
    {"listen", "boundary_listen", "boundary_url", "data", "operator_key_file", "admin_key_file"}
)
_ENGINE_FILES = ("api_key_file", "ca_file", "vision_model", "vision_mmproj")
PLACED_IN_REGION = frozenset({"listen", "public_url", "data", "enrollment_token_file"})


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
    """Members of the file that `up` decides itself, by their names."""
    control = document.get("control")
    found = PLACED_IN_CONTROL & set(control if isinstance(control, dict) else ())
    for region in document["regions"]:
        found |= PLACED_IN_REGION & set(region)
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
    """The document with ports, URLs, folders and key files. `agreement`: None: the file's word, or true."""
    placed = deepcopy(dict(document))
    control = placed.get("control")
    if not isinstance(control, dict):
        raise SettingsError(f"{file}: control: there must be a [control] block; it may hold no more than its country")
    asked = control.get("first_organization_agreement", True)
    # Relative paths, so that the data folder can be moved as a whole.
    control |= {
        "listen": _listener(ports[CONTROL]),
        "boundary_listen": _listener(boundary_port),
        "boundary_url": f"http://{HOST}:{boundary_port}",
        "data": CONTROL,
        "operator_key_file": _relative(layout.operator_key, layout),
        "admin_key_file": _relative(layout.admin_key, layout),
        "first_organization_agreement": asked if agreement is None else agreement,
    }
    for region in placed["regions"]:
        code = region["code"]
        region |= {
            "public_url": f"http://{HOST}:{ports[code]}",
            "listen": _listener(ports[code]),
            "data": code,
            "enrollment_token_file": _relative(layout.enrollment_token(code), layout),
        }
        region["engines"] = _placed_engines(region.get("engines", []), code, file, layout)
    if isinstance(placed.get("catalogue_file"), str):
        placed["catalogue_file"] = str(file.resolve().parent / placed["catalogue_file"])
    return placed


def check(placed: dict[str, Any], file: Path, layout: Layout) -> Installation:
    """The checked configuration. Raises `SettingsError`, which names the operator's file and not the one made from it."""
    try:
        return check_installation(placed, layout.configuration)
    except SettingsError as error:
        raise SettingsError(str(error).replace(str(layout.configuration), str(file))) from None


def _placed_engines(engines: Any, code: str, file: Path, layout: Layout) -> Any:
    """Embedded engines get the socket of the region's one engine process; that of any other stays where the file says."""
    if not isinstance(engines, list) or not all(isinstance(engine, dict) for engine in engines):
        return engines
    placed = []
    for engine in (_with_files(engine, file) for engine in engines):
        if engine.get("embedded") is True and "url" not in engine:
            placed.append(_ordered(engine | {"socket": _relative(layout.socket(code), layout)}))
        elif isinstance(engine.get("socket"), str):
            placed.append(engine | {"socket": str(file.resolve().parent / engine["socket"])})
        else:
            placed.append(engine)
    return placed


def _with_files(engine: dict[str, Any], file: Path) -> dict[str, Any]:
    """Like a socket, an engine's files stay where the operator's file says."""
    named = {name: engine[name] for name in _ENGINE_FILES if isinstance(engine.get(name), str)}
    return engine | {name: str(file.resolve().parent / path) for name, path in named.items()}


def _ordered(engine: dict[str, Any]) -> dict[str, Any]:
    """The long table of models last."""
    return {key: value for key, value in engine.items() if key != "models"} | (
        {"models": engine["models"]} if "models" in engine else {}
    )


def _listener(port: int) -> dict[str, Any]:
    return {"host": HOST, "port": port}


def _relative(path: Path, layout: Layout) -> str:
    return str(path.relative_to(layout.root) if path.is_relative_to(layout.root) else path)
