"""The embedded engine as a process: `python -m domicile_engines --socket PATH`.

It is confined before a library is imported (`confinement.walls`): what it imports at its top is the standard library, and
modules of ours that import no more than that. `engine_app` has the models.
"""

import argparse
import os
import socket
import sys
from pathlib import Path

from domicile.confinement.seccomp import ConfinementError
from domicile.confinement.surroundings import move_into
from domicile.confinement.walls import confine_to_unix_sockets
from domicile.process.core_dumps import forbid_core_dumps
from domicile.process.descriptors import raise_descriptor_limit
from domicile.process.lifeline import follow_parent
from domicile_engines.log_lines import configure_log


def main() -> None:
    """Serve until SIGTERM, or until the supervisor is gone."""
    options = _options()
    configure_log(options.log_level)
    forbid_core_dumps()
    raise_descriptor_limit()
    _confine(options)
    if options.follow_parent:
        follow_parent()
    # Imported here, behind the walls: the libraries of the models run code when they are imported.
    from domicile_engines.serving import serve

    listener = _listen(options.socket)
    try:
        serve(options, listener)
    finally:
        options.socket.unlink(missing_ok=True)


def _confine(options: argparse.Namespace) -> None:
    """Put the walls up, or end the process: an engine that reaches a network may send prompts out."""
    try:
        move_into(options.data or options.socket.parent, "engine")
        confine_to_unix_sockets([folder for folder in (options.data, options.socket.parent) if folder is not None])
    except (ConfinementError, OSError) as error:
        sys.exit(f"domicile engine: it is not started without its walls (docs/security.md): {error}")
    # Compiled modules lie beside their source, where this process may not write any more.
    sys.dont_write_bytecode = True


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m domicile_engines", description=__doc__)
    parser.add_argument("--socket", type=Path, required=True, help="the Unix socket to serve on, made with mode 0600")
    parser.add_argument("--data", type=Path, help="the region's folder; by default, that of the socket")
    parser.add_argument("--threads", type=_positive, default=max(1, (os.cpu_count() or 1) // 2))
    parser.add_argument("--slots", type=_positive, default=4, help="generations side by side")
    parser.add_argument("--context", type=_positive, default=8192, help="tokens of prompt and answer, per slot")
    parser.add_argument("--prompt-limit", type=_positive, default=7680, help="tokens of the longest prompt")
    parser.add_argument("--idle-seconds", type=_positive, default=300, help="unload a model that nobody used so long")
    parser.add_argument("--vision-model", type=Path, help="a GGUF file that answers for images, served as 'vision'")
    parser.add_argument("--vision-mmproj", type=Path, help="its projector: the mmproj file that belongs to it")
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="info")
    parser.add_argument("--follow-parent", action="store_true", help="stop when standard input ends")
    options = parser.parse_args()
    if options.prompt_limit >= options.context:
        parser.error("--prompt-limit must leave room for an answer within --context")
    if (options.vision_model is None) != (options.vision_mmproj is None):
        parser.error("--vision-model and --vision-mmproj go together")
    return options


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _listen(path: Path) -> socket.socket:
    """A socket that only this user can open, from its first instant."""
    if path.is_socket():
        _unlink_if_dead(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    return listener


def _unlink_if_dead(path: Path) -> None:
    """Remove what a killed engine left, but never a living one's socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink()
            return
    raise SystemExit(f"{path} is in use by another process")


if __name__ == "__main__":
    main()
