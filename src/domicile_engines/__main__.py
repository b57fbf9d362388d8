"""The embedded engine as a process: `python -m domicile_engines --socket PATH`.

The process is confined before it imports a third-party library (`confinement.profiles`). So this module, `app.command_line`,
`app.listener` and `app.log_lines` import only the standard library and Domicile modules that do the same.
"""

import sys

from domicile.confinement.profiles import confine_to_unix_sockets
from domicile.confinement.seccomp import ConfinementError
from domicile.confinement.surroundings import move_into
from domicile.process.core_dumps import forbid_core_dumps
from domicile.process.descriptors import raise_descriptor_limit
from domicile.process.engine_packages import EnginesNotInstalledError, require_engine_packages
from domicile.process.lifeline import follow_parent
from domicile_engines.app.command_line import EngineOptions, read_options
from domicile_engines.app.listener import listen
from domicile_engines.app.log_lines import configure_log


def main() -> None:
    """Serve until SIGTERM or, with `--follow-parent`, until standard input ends."""
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
    # Imported only after the process is confined: the model libraries run code when they are imported.
    from domicile_engines.app.serving import serve

    listener = listen(options.socket)
    try:
        serve(options, listener)
    finally:
        options.socket.unlink(missing_ok=True)


def _confine(options: EngineOptions) -> None:
    """Confine the process to its folders and to Unix sockets. Exits on failure: an engine on a network could leak prompts."""
    try:
        move_into(options.data or options.socket.parent, "engine")
        confine_to_unix_sockets([folder for folder in (options.data, options.socket.parent) if folder is not None])
    except (ConfinementError, OSError) as error:
        sys.exit(f"domicile engine: it does not start without confinement (docs/security.md): {error}")
    # Python writes bytecode beside the source, where this process may no longer write.
    sys.dont_write_bytecode = True


if __name__ == "__main__":
    main()
