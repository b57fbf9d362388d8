"""The embedded engine as a process: `python -m domicile_engines --socket PATH`.

The process is confined before it imports a library (`confinement.walls`). So this module and `app.command_line`, `app.listener`
and `app.log_lines` import only the standard library, and modules of ours that do the same.
"""

import sys

from domicile.confinement.seccomp import ConfinementError
from domicile.confinement.surroundings import move_into
from domicile.confinement.walls import confine_to_unix_sockets
from domicile.process.core_dumps import forbid_core_dumps
from domicile.process.descriptors import raise_descriptor_limit
from domicile.process.engine_packages import EnginesNotInstalledError, require_engine_packages
from domicile.process.lifeline import follow_parent
from domicile_engines.app.command_line import Options, read_options
from domicile_engines.app.listener import listen
from domicile_engines.app.log_lines import configure_log


def main() -> None:
    """Serve until SIGTERM, or until the supervisor is gone."""
    options = read_options(__doc__)
    configure_log(options.log_level)
    try:
        require_engine_packages()
    except EnginesNotInstalledError as error:
        sys.exit(f"domicile engine: {error}")
    forbid_core_dumps()
    raise_descriptor_limit()
    _confine(options)
    if options.follow_parent:
        follow_parent()
    # Imported here, behind the walls: the libraries of the models run code when they are imported.
    from domicile_engines.app.serving import serve

    listener = listen(options.socket)
    try:
        serve(options, listener)
    finally:
        options.socket.unlink(missing_ok=True)


def _confine(options: Options) -> None:
    """Put the walls up, or end the process: an engine that reaches a network may send prompts out."""
    try:
        move_into(options.data or options.socket.parent, "engine")
        confine_to_unix_sockets([folder for folder in (options.data, options.socket.parent) if folder is not None])
    except (ConfinementError, OSError) as error:
        sys.exit(f"domicile engine: it is not started without its walls (docs/security.md): {error}")
    # Compiled modules lie beside their source, where this process may not write any more.
    sys.dont_write_bytecode = True


if __name__ == "__main__":
    main()
