"""Commands that run a process of the installation. The process replaces the command, so it gets signals directly."""

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
    """The lowest level of the log lines that a process writes."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


ConfigOption = Annotated[
    Path,
    typer.Option("--config", metavar="FILE", exists=True, dir_okay=False, help="The installation's domicile.toml."),
]
LogLevelOption = Annotated[LogLevel, typer.Option("--log-level", help="The lowest level to log.")]

_DEFAULT_CONFIG = Path("domicile.toml")


def up(
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="The folder for all data.")] = DEFAULT_DATA,
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
            help="Your own domicile.toml, instead of the built-in one for trying Domicile out.",
        ),
    ] = None,
    no_agreement: Annotated[
        bool,
        typer.Option("--no-agreement", help="Create the first organization without Enterprise agreement and ZDR."),
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
    """A group whose default command is `serve`, so that `domicile control` and `domicile region CODE` run the process."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] != "--help"):
            args = ["serve", *args]
        return super().parse_args(ctx, args)


control_app = typer.Typer(cls=_ServesByDefault, help="Run the control plane, or manage its keys and epochs.")
region_app = typer.Typer(cls=_ServesByDefault, help="Run one region (region CODE), or block keys and projects in it.")


keys_app = typer.Typer(help="Escrow of the keys of a region's projects, on the region's machine.", no_args_is_help=True)
region_app.add_typer(keys_app, name="keys")
CodeOption = Annotated[str, typer.Option("--region", metavar="CODE", help="The region's code.")]


@keys_app.command("export")
def export_keys(
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="The file to write. It must not exist.")],
    code: CodeOption,
    to: Annotated[str, typer.Option("--to", metavar="RECIPIENT", help="A public key of age: age1...")],
    config: ConfigOption = _DEFAULT_CONFIG,
) -> None:
    """Write all keys of the region's projects to TARGET, sealed to an offline key. It replaces all earlier exports."""
    _become("domicile.apps.region.keys", ["--config", str(config), "--region", code, "export", "--to", to, str(target)])


@keys_app.command("import")
def import_keys(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", exists=True, dir_okay=False, help="An export.")],
    code: CodeOption,
    identity: Annotated[
        Path,
        typer.Option("--identity", metavar="FILE", exists=True, dir_okay=False, help="A file of age-keygen."),
    ],
    config: ConfigOption = _DEFAULT_CONFIG,
) -> None:
    """Put the keys of an export into the key store, where it lacks them. Destroyed projects stay destroyed."""
    arguments = ["--config", str(config), "--region", code, "import", "--identity", str(identity), str(source)]
    _become("domicile.apps.region.keys", arguments)


@keys_app.command("exports")
def list_exports(code: CodeOption, config: ConfigOption = _DEFAULT_CONFIG) -> None:
    """List the exports, and the destroyed projects that each could still open."""
    _become("domicile.apps.region.keys", ["--config", str(config), "--region", code, "exports"])


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
    """Replace the key that signs snapshots. A region that has seen the new key never accepts the old one again."""
    _become("domicile.apps.control", ["--config", str(config), "--rotate-key", str(root_key)])


@control_app.command("rotate-root")
def rotate_root(
    root_key: Annotated[
        Path, typer.Option("--root-key", metavar="FILE", exists=True, dir_okay=False, help="The current root key.")
    ],
    new_root_key: Annotated[
        Path,
        typer.Option("--new-root-key", metavar="FILE", dir_okay=False, help="The new root key; created if absent."),
    ],
    leave_behind: Annotated[
        list[str] | None,
        typer.Option("--leave-behind", metavar="CODE", help="A region that can follow only after an upgrade."),
    ] = None,
    config: ConfigOption = _DEFAULT_CONFIG,
) -> None:
    """Replace the root key. The old key signs the new one, so regions accept it; see 'domicile regions list'."""
    behind = [argument for code in leave_behind or [] for argument in ("--leave-behind", code)]
    _become(
        "domicile.apps.control", ["--config", str(config), "--rotate-root", str(root_key), str(new_root_key), *behind]
    )


@control_app.command("new-epoch")
def new_epoch(data: DataOption = None) -> None:
    """Start a new epoch after a restore: regions then accept the restored database's older state (operator key)."""
    print(f"epoch  {connect(data).operator().post('/operator/v1/epoch')['epoch']}")
    note(
        "Keys that were revoked after the backup work again: revoke them again. Each region's log names them ('new_epoch')."
    )


@region_app.command("serve")
def region(
    code: Annotated[str, typer.Argument(metavar="CODE", help="The region's code.")],
    config: ConfigOption = _DEFAULT_CONFIG,
    port: Annotated[
        int | None, typer.Option("--port", help="The port of the API; for several replicas of a region on one machine.")
    ] = None,
    log_level: LogLevelOption = LogLevel.INFO,
) -> None:
    """Run one region in the foreground."""
    arguments = ["--config", str(config), "--region", code, "--log-level", log_level]
    if port is not None:
        arguments += ["--port", str(port)]
    _become("domicile.apps.region", arguments)


@region_app.command("worker")
def worker(
    code: Annotated[str, typer.Argument(metavar="CODE", help="The region's code.")],
    config: ConfigOption = _DEFAULT_CONFIG,
    operator_port: Annotated[
        int, typer.Option("--operator-port", help="The port of health and metrics. 0: a free one.")
    ] = 0,
    log_level: LogLevelOption = LogLevel.INFO,
) -> None:
    """Run batches of a region in the foreground, beside its other processes. Serves no API."""
    arguments = ["--config", str(config), "--region", code, "--operator-port", str(operator_port)]
    _become("domicile.apps.region.worker", [*arguments, "--log-level", log_level])


def engine(
    code: Annotated[str, typer.Argument(metavar="CODE", help="The code of the region that the engine belongs to.")],
    config: ConfigOption = _DEFAULT_CONFIG,
    threads: Annotated[int | None, typer.Option("--threads", min=1, help="CPU threads of the models.")] = None,
    log_level: LogLevelOption = LogLevel.INFO,
) -> None:
    """Run all embedded engines of a region, in one process in the foreground."""
    arguments = [*_embedded_options(config, code), "--log-level", log_level]
    if threads is not None:
        arguments += ["--threads", str(threads)]
    _become("domicile_engines", arguments)


def _embedded_options(config: Path, code: str) -> list[str]:
    # Imported here: loading the settings takes longer than most commands run.
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
            f"the embedded engines of region '{code}' have different sockets in {config}. One process serves all of them: "
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
    # -P: Python must not import a file of the current folder instead of a module.
    os.execv(sys.executable, [sys.executable, "-P", "-m", module, *arguments])
