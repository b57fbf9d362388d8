"""Commands that become a process of the installation: this one is replaced by it, so signals reach it directly."""

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from domicile.cli.connection import DEFAULT_DATA, connect
from domicile.cli.failures import CommandError
from domicile.cli.options import DataOption
from domicile.cli.output import note


class LogLevel(StrEnum):
    """How much a process says."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


ConfigOption = Annotated[
    Path,
    typer.Option("--config", metavar="FILE", exists=True, dir_okay=False, help="The installation's domicile.toml."),
]
LogLevelOption = Annotated[LogLevel, typer.Option("--log-level", help="How much is logged.")]

_DEFAULT_CONFIG = Path("domicile.toml")


def up(
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="Where everything is kept.")] = DEFAULT_DATA,
    port_base: Annotated[
        int, typer.Option("--port-base", metavar="N", help="The control plane's port; the regions' ports follow it.")
    ] = 8700,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="A domicile.toml of your own, in the place of the one for trying out.",
        ),
    ] = None,
    no_agreement: Annotated[
        bool,
        typer.Option("--no-agreement", help="The first organization begins without Enterprise agreement and ZDR."),
    ] = False,
    log_level: LogLevelOption = LogLevel.INFO,
) -> None:
    """Start everything on this machine: control plane, regions and their engines."""
    arguments = ["--data", str(data), "--port-base", str(port_base), "--log-level", log_level]
    if config is not None:
        arguments += ["--config", str(config)]
    if no_agreement:
        arguments.append("--no-agreement")
    _become("domicile.apps.local", arguments)


class _ServesByDefault(TyperGroup):
    """`domicile control` and `domicile region CODE` run the process; only the commands beside it have names."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] != "--help"):
            args = ["serve", *args]
        return super().parse_args(ctx, args)


control_app = typer.Typer(cls=_ServesByDefault, help="Run the control plane, or see to its keys and epochs.")
region_app = typer.Typer(
    cls=_ServesByDefault, help="Run one region (region CODE), or shut keys and projects out of it."
)


@control_app.command("serve")
def control(config: ConfigOption = _DEFAULT_CONFIG, log_level: LogLevelOption = LogLevel.INFO) -> None:
    """Run the control plane in the foreground."""
    _become("domicile.apps.control", ["--config", str(config), "--log-level", log_level])


@control_app.command("rotate-key")
def rotate_key(
    root_key: Annotated[
        Path, typer.Option("--root-key", metavar="FILE", exists=True, dir_okay=False, help="The root key, 32 bytes.")
    ],
    config: ConfigOption = _DEFAULT_CONFIG,
) -> None:
    """Replace the key that signs snapshots. Regions that have seen the new one never take the old one again."""
    _become("domicile.apps.control", ["--config", str(config), "--rotate-key", str(root_key)])


@control_app.command("rotate-root")
def rotate_root(
    root_key: Annotated[
        Path, typer.Option("--root-key", metavar="FILE", exists=True, dir_okay=False, help="The root key until now.")
    ],
    new_root_key: Annotated[
        Path,
        typer.Option("--new-root-key", metavar="FILE", dir_okay=False, help="The next one; made if there is none."),
    ],
    leave_behind: Annotated[
        list[str] | None,
        typer.Option("--leave-behind", metavar="CODE", help="A region that cannot follow before it is upgraded."),
    ] = None,
    config: ConfigOption = _DEFAULT_CONFIG,
) -> None:
    """Replace the root key. Regions take the new one by the old one's word, and say so: 'domicile regions list'."""
    behind = [argument for code in leave_behind or [] for argument in ("--leave-behind", code)]
    _become(
        "domicile.apps.control", ["--config", str(config), "--rotate-root", str(root_key), str(new_root_key), *behind]
    )


@control_app.command("new-epoch")
def new_epoch(data: DataOption = None) -> None:
    """After a restore: what is in the database counts from now on, though the regions have seen more (operator key)."""
    print(f"epoch  {connect(data).operator().post('/operator/v1/epoch')['epoch']}")
    note(
        "Keys that were revoked since the backup live again: revoke them anew. Each region's log names them ('new_epoch')."
    )


@region_app.command("serve")
def region(
    code: Annotated[str, typer.Argument(metavar="CODE", help="The region's code.")],
    config: ConfigOption = _DEFAULT_CONFIG,
    port: Annotated[
        int | None, typer.Option("--port", help="Listen here: for several replicas of a region on one machine.")
    ] = None,
    log_level: LogLevelOption = LogLevel.INFO,
) -> None:
    """Run one region in the foreground."""
    arguments = ["--config", str(config), "--region", code, "--log-level", log_level]
    if port is not None:
        arguments += ["--port", str(port)]
    _become("domicile.apps.region", arguments)


def engine(
    code: Annotated[str, typer.Argument(metavar="CODE", help="The code of the region that the engine belongs to.")],
    config: ConfigOption = _DEFAULT_CONFIG,
    threads: Annotated[int | None, typer.Option("--threads", min=1, help="Threads that compute.")] = None,
    log_level: LogLevelOption = LogLevel.INFO,
) -> None:
    """Run the embedded engines of a region, one process for all of them, in the foreground."""
    arguments = [*_embedded_options(config, code), "--log-level", log_level]
    if threads is not None:
        arguments += ["--threads", str(threads)]
    _become("domicile_engines", arguments)


def _embedded_options(config: Path, code: str) -> list[str]:
    # Here and not above: reading a configuration takes longer than most commands need altogether.
    from domicile.settings.load import SettingsError, load_installation

    try:
        region_settings = load_installation(config).region(code)
    except (SettingsError, ValueError) as error:
        raise CommandError(str(error)) from None
    embedded = [found for found in region_settings.engines if found.embedded]
    sockets = {found.socket for found in embedded}
    if not sockets:
        raise CommandError(f"region '{code}' has no engine with 'embedded = true' in {config}")
    if len(sockets) > 1:
        raise CommandError(
            f"the embedded engines of region '{code}' have several sockets in {config}. One process serves all of them: "
            "give them the same socket"
        )
    options = ["--socket", str(sockets.pop())]
    for found in embedded:
        if found.vision_model is not None:
            options += ["--vision-model", str(found.vision_model), "--vision-mmproj", str(found.vision_mmproj)]
    return options


def _become(module: str, arguments: list[str]) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    # -P: a file of the current folder must not be imported in the place of a module.
    os.execv(sys.executable, [sys.executable, "-P", "-m", module, *arguments])
