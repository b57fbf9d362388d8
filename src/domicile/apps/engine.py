"""The embedded engine as a process: `python -m domicile.apps.engine --socket PATH`."""

import argparse
import os
import signal
import socket
import sys
from pathlib import Path

import uvicorn

from domicile.apps.core_dumps import forbid_core_dumps
from domicile.apps.lifeline import follow_parent
from domicile.engine_server.app import create_app
from domicile.engine_server.embeddings.family import Embeddings
from domicile.engine_server.engine import Engine, Limits
from domicile.engine_server.family import Family
from domicile.engine_server.images.family import Images
from domicile.engine_server.log_lines import configure_log
from domicile.engine_server.moderation.family import Moderation
from domicile.engine_server.speech.family import Speech
from domicile.engine_server.transcription.family import Transcription
from domicile.engine_server.vision.endpoint import Vision
from domicile.engine_server.vision.model import VisionFiles

_GRACEFUL_SECONDS = 1


def main() -> None:
    """Serve until SIGTERM, or until the supervisor is gone."""
    options = _options()
    configure_log(options.log_level)
    forbid_core_dumps()
    if options.follow_parent:
        follow_parent()
    listener = _listen(options.socket)
    limits = Limits(options.slots, options.context, options.prompt_limit, options.threads)
    engine = Engine(limits, options.socket.with_name(options.socket.name + ".d"))
    config = uvicorn.Config(
        create_app(engine, _families(options), _vision(options)),
        loop="uvloop",
        lifespan="on",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_GRACEFUL_SECONDS,
        server_header=False,
    )
    # uvicorn drains on SIGTERM, then sends the signal again: it finds this handler, and the process ends in order.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1 if engine.failed else 0))
    try:
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        options.socket.unlink(missing_ok=True)


def _families(options: argparse.Namespace) -> list[Family]:
    """Every kind of model that this engine serves beside chat. Each loads what it needs when it is first asked."""
    embeddings = Embeddings(idle_s=options.idle_seconds, threads=options.threads)
    return [
        embeddings,
        Moderation(embeddings.model, idle_s=options.idle_seconds, threads=options.threads),
        Images(idle_s=options.idle_seconds),
        Transcription(idle_s=options.idle_seconds, threads=options.threads),
        Speech(idle_s=options.idle_seconds, threads=options.threads),
    ]


def _vision(options: argparse.Namespace) -> Vision | None:
    """The operator's own vision model. Its private folder stands beside the chat model's."""
    if options.vision_model is None:
        return None
    files = VisionFiles(options.vision_model, options.vision_mmproj)
    private = options.socket.with_name(options.socket.name + ".v")
    return Vision(files, private, idle_s=options.idle_seconds, threads=options.threads)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m domicile.apps.engine", description=__doc__)
    parser.add_argument("--socket", type=Path, required=True, help="the Unix socket to serve on, made with mode 0600")
    parser.add_argument("--threads", type=_positive, default=max(1, (os.cpu_count() or 1) // 2))
    parser.add_argument("--slots", type=_positive, default=4, help="generations side by side")
    parser.add_argument("--context", type=_positive, default=2048, help="tokens of prompt and answer, per slot")
    parser.add_argument("--prompt-limit", type=_positive, default=1024, help="tokens of the longest prompt")
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
